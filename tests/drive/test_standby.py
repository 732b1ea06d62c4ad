"""The display while nobody drives."""
from __future__ import annotations

import math
import time

import numpy as np
import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.types import Command, Decision
from jetracer.display.base import DisplayConfig, make_display
from jetracer.display.pages import Facts, draw
from jetracer.drive.standby import Standby, facts_of
from jetracer.drive.vitals import CarView
from jetracer.safety import reasons as r
from jetracer.safety.protocol import COUNTERS, Status
from jetracer.sim.board import Board
from tests.safety.processes import started

IDLE = Status(Decision(stops=r.stops(r.NOT_ARMED | r.WATCHDOG)), (), 0.0, 11.4, -1.0, 3, 50.0, False,
              dict.fromkeys(COUNTERS, 0))  # fmt: skip


@pytest.mark.parametrize(("guard", "mode", "state", "fault"), [
    (None, "standby", "no guard", ""),
    (IDLE, "standby", "NOT ARMED", ""),
    (IDLE._replace(owned=True, decision=Decision(Command(0.1, 0.1), (), True)), "driven", "armed", ""),
    (IDLE._replace(decision=Decision(stops=r.stops(r.NOT_ARMED | r.BATTERY_WARN))), "standby", "BATTERY LOW", ""),
    (IDLE._replace(latched=("estop", "watchdog")), "standby", "NOT ARMED", "E-STOP"),
])
def test_what_the_guard_says(guard, mode, state, fault):
    facts = facts_of(guard, Facts(host="car", fault="OLD"))
    assert (facts.host, facts.mode, facts.state, facts.fault) == ("car", mode, state, fault)


def test_a_fault_is_on_the_glass_within_half_a_second_and_dark_at_the_end(tmp_path):
    path = str(tmp_path / "board")
    board = Board.create(path)
    alarm = draw(Facts(fault="E-STOP"), 0, (128, 32))
    view = CarView(tmp_path / "s", f"sim:{path}", root=tmp_path)
    standby = Standby(make_display(DisplayConfig("ssd1306"), f"sim:{path}"), view, "simulated")
    with started(tmp_path) as guard, guard.connect() as client:
        standby.turn()
        assert board.display().any()
        client.estop()
        stopped_s = time.monotonic()
        while not np.array_equal(board.display(), alarm):
            standby.turn()
        assert time.monotonic() - stopped_s <= 0.25  # a turn; `run` waits as long between two
    standby.ended.set()
    standby.run()
    assert not board.display().any()
    view.close()
    board.close()


def test_everything_may_be_absent(tmp_path):
    clock = FakeClock()
    view = CarView(tmp_path / "s", f"sim:{tmp_path}/none", root=tmp_path)
    standby = Standby(make_display(DisplayConfig("ssd1306"), f"sim:{tmp_path}/none", clock), view, clock=clock)
    for _ in range(20):
        standby.turn()
        clock.advance(1.0)
    assert standby._facts.state == "no guard"
    assert math.isnan(standby._facts.battery_v)
    board = Board.create(str(tmp_path / "none"))
    board.set_battery(11.4, 0.5)
    for _ in range(60):
        standby.turn()
        clock.advance(1.0)
    assert board.display().any()
    assert standby._facts.battery_a == pytest.approx(0.5)
    view.close()
    board.close()
