"""Readings become figures: a sag is none, an empty pack is known in time, what is silent keeps its verdict."""
from __future__ import annotations

import errno
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.car.battery import Battery, Reading
from jetracer.car.computer import Vitals
from jetracer.safety import reasons as r
from jetracer.safety.health import MEASURE_S, UNKNOWN_S, Health
from jetracer.safety.limits import Limits

SAG_S = Limits().battery_sag_s
TICK_S = 0.01


class Chip:
    """Says `volts` and how often it was asked; None: it does not answer."""

    def __init__(self, volts=12.0, amps=-1.0):
        self.volts, self.amps, self.asked = volts, amps, 0

    def read(self):
        self.asked += 1
        if self.volts is None:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return self.volts, self.amps


class Rig:
    """A pack of three cells on a clock of ticks; `events` are the reasons that came at once, with their times."""

    def __init__(self, volts=12.0, limits=Limits(), cells=3):  # noqa: B008
        self.chip, self.computer = Chip(volts), SimpleNamespace(newest=None)
        self.health = Health(limits, Battery(self.chip, cells), self.computer)
        self.now_s, self.events = 100.0, []

    def wait(self, seconds, volts="same"):
        if volts != "same":
            self.chip.volts = volts
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            reasons = self.health.look(self.now_s)
            if reasons:
                self.events.append(reasons)
        return self.health.battery_v


def test_the_first_reading_counts_at_once():
    rig = Rig(9.0)
    assert math.isnan(rig.health.battery_v)
    assert math.isnan(rig.health.cell_v)
    assert rig.wait(TICK_S) == 9.0
    assert rig.health.cell_v == 3.0
    assert rig.health.reading == Reading(9.0, -1.0)
    assert rig.chip.asked == 1


def test_it_is_asked_four_times_a_second():
    rig = Rig()
    rig.wait(MEASURE_S)
    assert rig.chip.asked == 1
    rig.wait(TICK_S)
    assert rig.chip.asked == 2
    rig.wait(10.0)
    assert 39 <= rig.chip.asked <= 42


@given(st.floats(0.05, SAG_S - MEASURE_S - 2 * TICK_S), st.floats(7.6, 11.0), st.floats(0.0, 0.3))
def test_a_sag_is_none(lasting_s, volts, phase_s):
    rig = Rig()
    rig.wait(3.0 + phase_s)
    assert rig.wait(lasting_s, volts) == 12.0
    assert rig.wait(5.0, 12.0) == 12.0
    assert rig.events == []


@given(st.floats(7.6, 11.9), st.floats(0.0, 0.3))
def test_a_real_drop_is_known_within_the_time_of_a_sag_and_a_period(volts, phase_s):
    rig = Rig()
    rig.wait(3.0 + phase_s)
    assert rig.wait(SAG_S + MEASURE_S + 2 * TICK_S, volts) == volts


def test_it_rises_at_once():
    rig = Rig(9.0)
    rig.wait(5.0)
    assert rig.wait(MEASURE_S + TICK_S, 9.5) == 9.5


def test_what_is_silent_keeps_its_verdict_and_that_is_said():
    rig = Rig(9.7)
    rig.wait(3.0)
    rig.wait(UNKNOWN_S - MEASURE_S, None)
    assert rig.health.notices == 0
    assert math.isnan(rig.health.reading.volts)
    rig.wait(2 * MEASURE_S + 2 * TICK_S)
    assert rig.health.notices == r.BATTERY_UNKNOWN
    rig.wait(60.0)
    assert rig.health.cell_v == pytest.approx(9.7 / 3)
    assert rig.wait(MEASURE_S + TICK_S, 9.0) == 9.0  # after so long nothing old counts
    assert rig.health.notices == 0


def test_a_pack_that_is_not_there_is_unknown_too():
    rig = Rig(0.2)
    rig.wait(UNKNOWN_S)
    assert rig.health.notices == 0
    rig.wait(MEASURE_S + 2 * TICK_S)
    assert rig.health.notices == r.BATTERY_UNKNOWN
    assert math.isnan(rig.health.cell_v)
    assert rig.events == []


@pytest.mark.parametrize(("volts", "events"), [(7.51, []), (7.49, [r.BROWN_OUT]), (1.1, [r.BROWN_OUT])])
def test_a_dip_is_a_brown_out_at_once(volts, events):
    rig = Rig()
    rig.wait(3.0)
    rig.wait(MEASURE_S, volts)
    assert rig.events == events
    assert rig.health.battery_v == 12.0


def test_two_cells():
    rig = Rig(7.4, cells=2)
    rig.wait(1.0)
    assert rig.health.cell_v == 3.7
    assert rig.events == []
    assert rig.health.cells == 2


def test_nothing_is_measured_without_sensors():
    health = Health(Limits())
    assert health.look(1.0) == 0
    assert health.cells == 0
    assert math.isnan(health.cell_v)
    assert math.isnan(health.temperature_c)
    assert health.notices == 0


def test_the_computer():
    rig = Rig()
    rig.wait(1.0)
    assert math.isnan(rig.health.temperature_c)
    rig.computer.newest = Vitals(61.0, ("gpu-throttle-alert",), 5)
    rig.wait(1.0)
    assert rig.health.temperature_c == 61.0
    assert rig.health.notices == r.THROTTLED
    rig.computer.newest = Vitals(dips=5)
    rig.wait(1.0)
    assert rig.health.temperature_c == 61.0  # the last that is known
    assert rig.health.notices == 0
    assert rig.events == []
    rig.computer.newest = Vitals(62.0, dips=6)
    rig.wait(1.0)
    assert rig.events == [r.BROWN_OUT]


def test_both_notices():
    rig = Rig(None)
    rig.computer.newest = Vitals(held_back=("over-current",))
    rig.wait(5.0)
    assert rig.health.notices == r.THROTTLED | r.BATTERY_UNKNOWN
