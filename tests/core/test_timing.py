"""Clocks, rates and mailboxes: exact and instant, on a FakeClock."""
from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

import jetracer
from jetracer.core.clock import FakeClock, MonotonicClock, slept_s
from jetracer.core.errors import ConfigError
from jetracer.core.mailbox import Mailbox
from jetracer.core.rate import Rate


def test_rate_keeps_absolute_deadlines():
    clock = FakeClock(100.0)
    rate = Rate(50, clock)
    starts = []
    for work_s in (0.0, 0.015, 0.001, 0.019):
        clock.advance(work_s)
        assert rate.wait() == 0.0
        starts.append(clock.now_s())
    # the first deadline counts from the first wait; work never shifts the grid
    assert starts == pytest.approx([100.02, 100.04, 100.06, 100.08])
    assert rate.late == 0


def test_rate_says_late_and_catches_up_within_a_period():
    clock = FakeClock()
    rate = Rate(100, clock)
    rate.wait()
    clock.advance(0.013)
    assert rate.wait() == pytest.approx(0.003)
    assert rate.wait() == 0.0
    assert clock.now_s() == pytest.approx(0.03)
    assert rate.late == 1


def test_rate_gives_up_lost_periods():
    clock = FakeClock()
    rate = Rate(100, clock)
    rate.wait()
    clock.advance(1.0)
    assert rate.wait() > 0.9
    assert rate.wait() == 0.0, "does not race through a hundred lost periods"


@pytest.mark.parametrize("hz", [0, -1, float("nan"), 1e9])
def test_senseless_rates_are_refused(hz):
    with pytest.raises(ConfigError, match="makes no sense"):
        Rate(hz, FakeClock())


def test_monotonic_clock_sleeps_until():
    clock = MonotonicClock()
    goal_s = clock.now_s() + 0.01
    clock.sleep_until(goal_s)
    assert clock.now_s() >= goal_s
    clock.sleep_until(goal_s - 1)


def test_newest_value_wins_and_drops_are_counted():
    box = Mailbox()
    for value in range(3):
        box.put(value)
    assert box.get(0) == 2
    assert box.dropped == 2
    with pytest.raises(TimeoutError):
        box.get(0)


def test_the_workers_error_is_raised_in_the_reader_until_it_recovers():
    box = Mailbox()
    box.put("last good")
    box.fail(OSError("camera gone"))
    assert box.get(0) == "last good"
    for _ in range(2):
        with pytest.raises(OSError, match="camera gone"):
            box.get(0)
    box.put("back")
    assert box.get(0) == "back"


def test_a_waiting_reader_wakes_at_once():
    box = Mailbox()
    worker = threading.Thread(target=box.put, args=(7,))
    started_s = time.monotonic()
    worker.start()
    assert box.get(5.0) == 7
    assert time.monotonic() - started_s < 1.0
    worker.join()


def test_a_machine_that_is_awake_does_not_sleep():
    before_s = slept_s()
    assert before_s > -0.01
    time.sleep(0.01)
    assert slept_s() == pytest.approx(before_s, abs=0.005)


# The name of a run's folder, the date in a recording, and what the doctor says about the clock itself.
MAY_LOOK_AT_THE_CALENDAR = {"drive/run_folder.py", "data/recorder.py", "doctor/base.py"}
CALENDAR = re.compile(r"\btime\.(time|time_ns|strftime|localtime|gmtime|ctime)\b|\bCLOCK_REALTIME"
                      r"|datetime\.(now|today|utcnow)|from time import")


def test_nothing_that_drives_looks_at_the_calendar():
    """It may jump when the car finds a network; what moves the car lives on monotonic time alone."""
    package = Path(jetracer.__file__).parent
    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if CALENDAR.search(path.read_text())}
    assert found == MAY_LOOK_AT_THE_CALENDAR
