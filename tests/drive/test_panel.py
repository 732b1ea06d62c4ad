"""The display of a drive: in time, never in the way, and no fault when it is missing."""
from __future__ import annotations

import math
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.types import AUTOMATIC, NEUTRAL, Command, Decision, Frame, Pilot, Scene, Step, Stop
from jetracer.data.recorder import Recording
from jetracer.display.base import Display, DisplayConfig, make_display
from jetracer.display.pages import Facts, draw
from jetracer.drive import panel as module
from jetracer.drive import screen
from jetracer.drive.build import assemble, completed, drive
from jetracer.drive.config import DriveConfig
from jetracer.drive.panel import Panel, facts_of, fault_of, with_recording
from jetracer.sim.board import Board

from .test_drive import config  # noqa: F401  (a fixture)

DRIVING = Step(
    Frame(np.zeros((2, 2, 3), np.uint8), 9.96, 1), Scene(9.96), Pilot(deadman=True, mode=AUTOMATIC, t_s=10.0),
    Command(0.0, 0.3), Decision(Command(0.0, 0.3), (), True, 10.0), 10.0,
)  # fmt: skip
STOPPED = replace(DRIVING, decision=Decision(NEUTRAL, (Stop("stale_frame", "CAMERA TOO OLD"),
                                                       Stop("not_armed", "NOT ARMED")), False, 10.1))
ALARM = draw(Facts(fault="CAMERA TOO OLD"), 0, (128, 32))


def wait_for(condition, seconds=20.0):
    give_up_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_s, "it never happened"
        time.sleep(0.002)


class Kept(Display):
    """Keeps the pictures with their times; may be absent, or slow."""

    size = (128, 32)

    def __init__(self, gate=None):
        super().__init__()
        self.shown, self.gate, self.absent, self.opened = [], gate, False, 0
        self.waiting = threading.Event()

    def open(self):
        self.opened += 1
        if self.absent:
            raise OSError("nobody answers")

    def show(self, image):
        self.waiting.set()
        if self.gate is not None:
            self.gate.wait(10)
        if self.absent:
            raise OSError("nobody answers")
        self.shown.append((time.monotonic(), image))


def test_a_stop_is_on_the_glass_within_half_a_second(tmp_path):
    path = str(tmp_path / "board")
    board = Board.create(path)
    with Panel(make_display(DisplayConfig("ssd1306"), f"sim:{path}")) as panel:
        panel(DRIVING)
        wait_for(lambda: board.display().any())
        for _ in range(3):
            panel(STOPPED)
            start_s = time.monotonic()
            wait_for(lambda: np.array_equal(board.display(), ALARM))
            assert time.monotonic() - start_s <= 0.5
            panel(DRIVING)
            wait_for(lambda: not np.array_equal(board.display(), ALARM))
        panel(STOPPED)
    np.testing.assert_array_equal(board.display(), ALARM)  # why it stopped stays to be read after the drive
    board.close()


def test_a_new_fault_comes_first_and_then_takes_every_other_turn():
    clock, display = FakeClock(100.0), Kept()

    def alarms():
        """Whether the alarm is on, in a picture begun after this call."""
        count = len(display.shown)
        wait_for(lambda: len(display.shown) >= count + 2)
        return np.array_equal(display.shown[-1][1], ALARM)

    with Panel(display, clock=clock) as panel:
        panel(DRIVING)
        assert not alarms()
        clock.advance(1.5 * screen.PAGE_S)
        panel(STOPPED)
        for expected in (True, False, True, False):
            assert alarms() == expected
            clock.advance(screen.PAGE_S)


def test_at_most_four_pictures_a_second_and_no_waiting_for_them():
    display = Kept()
    with Panel(display) as panel:
        start_s = time.monotonic()
        for _ in range(100_000):
            panel(DRIVING)
        assert time.monotonic() - start_s < 2.0
        wait_for(lambda: len(display.shown) >= 4)
    times = [t_s for t_s, _ in display.shown[:-1]]
    assert min(np.diff(times)) > 0.2


def test_a_stuck_bus_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(module, "END_S", 0.1)
    gate = threading.Event()
    display = Kept(gate)
    panel = Panel(display)
    panel.open()
    thread = panel._thread
    panel(DRIVING)
    assert display.waiting.wait(10)
    start_s = time.monotonic()
    panel(STOPPED)
    panel.close()
    assert time.monotonic() - start_s < 1.0
    gate.set()
    thread.join(10)
    assert not thread.is_alive()


def test_an_absent_display_is_no_event_and_may_come_later(monkeypatch, caplog):
    monkeypatch.setattr(screen, "RETRY_S", 0.3)
    monkeypatch.setattr(screen, "RETRY_MOST_S", 0.3)
    display = Kept()
    display.absent = True
    with caplog.at_level("INFO"), Panel(display) as panel:
        panel(DRIVING)
        wait_for(lambda: display.opened >= 3)
        assert not display.shown
        display.absent = False
        wait_for(lambda: display.shown)
        display.absent = True  # pulled off while driving
        count, opened = len(display.shown), display.opened
        wait_for(lambda: display.opened > opened)
        display.absent = False
        wait_for(lambda: len(display.shown) > count)
    assert len([record for record in caplog.records if "no display" in record.message]) == 1
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("reasons, fault", [
    ((), ""), (("not_armed",), ""), (("deadman", "not_armed"), ""), (("slew", "range"), ""), (("battery_warn",), ""),
    (("hot_limit", "throttled"), ""), (("hot_stop",), "COMPUTER TOO HOT"),
    (("estop", "not_armed"), "E-STOP"), (("stale_pilot", "deadman"), "PILOT LINK LOST"),
    (("unsure",), "TRACK NOT SEEN"), (("deadman", "battery_stop"), "BATTERY EMPTY"),
])
def test_which_stops_are_faults(reasons, fault):
    assert fault_of(tuple(map(Stop, reasons))) == fault


def test_a_step_becomes_facts():
    facts = facts_of(DRIVING, Facts(host="car", battery_v=11.0), 30.0)
    assert facts == Facts(host="car", battery_v=11.0, mode="automatic", state="armed", throttle=0.3, fps=30.0,
                          latency_s=pytest.approx(0.04), speed_mps=facts.speed_mps, temperature_c=facts.temperature_c)
    low = replace(DRIVING, decision=replace(DRIVING.decision, stops=(Stop("battery_warn", "BATTERY LOW"),)))
    assert facts_of(low, Facts(), math.nan).state == "BATTERY LOW"
    unknown = replace(STOPPED, decision=Decision(NEUTRAL, (Stop("not_armed", "NOT ARMED"),
                                                           Stop("battery_unknown", "BATTERY UNKNOWN"))))
    assert facts_of(unknown, Facts(), math.nan).state == "BATTERY UNKNOWN"
    assert facts_of(STOPPED, Facts(), math.nan).fault == "CAMERA TOO OLD"


def test_how_the_recording_goes_becomes_facts():
    facts = Facts(state="armed")
    going = with_recording(facts, Recording("run", "all", True, 70, 3, 0, ""))
    assert (going.recording, going.pictures, going.dropped, going.state) == ("run", 70, 3, "armed")
    paused = with_recording(facts, Recording("run", "all", False, 70, 0, 0, ""))
    assert (paused.recording, paused.state) == ("", "armed")
    full = with_recording(facts, Recording("run", "all", False, 70, 0, 0, "disk full"))
    assert (full.recording, full.recording_error, full.state) == ("", "disk full", "disk full")


def test_a_drive_without_a_word_about_it_has_a_display_only_on_a_real_car():
    assert completed(DriveConfig(sim=True)).display.name == "null"
    assert completed(DriveConfig()).display.name == "ssd1306"
    with pytest.raises(ValueError, match="did you mean 'ssd1306'"):
        completed(DriveConfig(display=DisplayConfig("ssd130")))


def test_a_simulated_car_shows_its_drive(config, monkeypatch):  # noqa: F811
    boards = []
    monkeypatch.setattr(Panel, "open", _attaching(Panel.open, boards))
    seen = {}

    def watch(*_):
        boards[0].display().any() and seen.setdefault("picture", boards[0].display())

    summary = drive(replace(config, duration_s=2.0, display=DisplayConfig("ssd1306")), watch=watch)
    assert summary["reached"]
    assert seen["picture"].shape == (32, 128)
    assert not [stop for stop in summary["stops"] if stop["reason"] == "bus_fault"]
    boards[0].close()


def test_without_the_option_nothing_is_started(config):  # noqa: F811
    with assemble(completed(config)) as parts:
        assert parts.panel is None


def _attaching(open_panel, boards):
    """Panel.open that also attaches to the board, whose path only the display knows."""
    def opened(panel):
        boards.append(Board.attach(panel._screen._display.bus_name.partition(":")[2]))
        open_panel(panel)
    return opened
