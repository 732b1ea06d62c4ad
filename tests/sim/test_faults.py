"""Faults by name and time."""
from __future__ import annotations

import math

import numpy as np
import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import ConfigError, UnknownName
from jetracer.engine.base import Engine
from jetracer.sim.faults import FAULTS, SLOW_ENGINE_S, Fault, Faults, FaultyEngine


class Halves(Engine):
    card = "the card"
    is_open = False

    def open(self):
        self.is_open = True

    def close(self):
        self.is_open = False

    def infer(self, inputs):
        return {"aim": np.full((1, 2), 0.5, np.float32)}


@pytest.mark.parametrize(
    ("text", "start_s", "duration_s"),
    [("frozen@5", 5.0, math.inf), ("black@5+2", 5.0, 2.0), ("lost", 0.0, math.inf), (" i2c_nak@0.5+.25 ", 0.5, 0.25),
     ("brown_out@3", 3.0, 0.05), ("brown_out@3+1", 3.0, 1.0)],
)  # fmt: skip
def test_a_fault_has_a_name_and_a_time(text, start_s, duration_s):
    fault = Fault.parse(text)
    assert (fault.name, fault.start_s, fault.duration_s) == (text.strip().split("@")[0], start_s, duration_s)


def test_it_is_active_from_its_start_and_no_longer_at_its_end():
    faults = Faults.parse(["black@5+2", "black@9+1", "lost@6"])
    assert [t for t in range(12) if faults.active("black", t)] == [5, 6, 9]
    assert [t for t in range(12) if faults.active("lost", t)] == [6, 7, 8, 9, 10, 11]
    assert not any(Faults().active(name, 5.0) for name in FAULTS)
    assert faults
    assert not Faults()


def test_a_wrong_name_is_answered_with_the_nearest_right_one():
    with pytest.raises(UnknownName, match="did you mean 'frozen'"):
        Faults.parse(["frozn@5"])
    with pytest.raises(UnknownName, match="did you mean 'black'"):
        Faults().active("blck", 0.0)


@pytest.mark.parametrize("text", ["frozen@soon", "frozen@-1", "frozen@1+0", "frozen@nan", "frozen@1+nan", "frozen@inf"])
def test_a_time_that_makes_no_sense(text):
    with pytest.raises(ConfigError, match=r"NAME@START\+DURATION"):
        Fault.parse(text)


def test_a_faulty_engine_is_the_engine_until_its_time_comes():
    clock = FakeClock(100.0)
    engine = FaultyEngine(Halves(), Faults.parse(["nan_output@2+1", "slow_engine@2.5+1"]), clock)
    assert engine.card == "the card"
    clock.advance(47.0)
    with engine:
        clock.advance(3.0)  # the rest of a drive starts
        assert engine._engine.is_open
        assert engine.infer({})["aim"].tolist() == [[0.5, 0.5]]
        assert clock.now_s() == 150.0
        clock.advance(2.0)
        assert np.isnan(engine.infer({})["aim"]).all()
        clock.advance(0.5)
        engine.infer({})
        assert clock.now_s() == 152.5 + SLOW_ENGINE_S
        assert engine.infer({})["aim"].dtype == np.float32
        assert clock.now_s() == 153.0 + SLOW_ENGINE_S
    assert not engine._engine.is_open
