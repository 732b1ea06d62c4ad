"""Pages on a display that may be absent or somebody else's."""
from __future__ import annotations

import numpy as np
import pytest

from jetracer.core.clock import FakeClock
from jetracer.display.base import Display, DisplayConfig, make_display
from jetracer.display.pages import PAGES, Facts, draw, power
from jetracer.drive.screen import KEEP_S, PAGE_S, RETRY_MOST_S, RETRY_S, Screen
from jetracer.sim.board import Board

FACTS = Facts(host="car", mode="standby", state="armed")
SIZE = (128, 32)


class Absent(Display):
    opened = 0

    def open(self):
        self.opened += 1
        raise OSError("nobody answers")


@pytest.fixture
def board(tmp_path):
    made = Board.create(str(tmp_path / "board"))
    yield made
    made.close()


def screen_on(tmp_path, clock, **options):
    bus = f"sim:{tmp_path}/board"
    return Screen(make_display(DisplayConfig("ssd1306"), bus, clock), clock=clock, **options)


def test_pages_take_turns(tmp_path, board):
    clock = FakeClock()
    screen = screen_on(tmp_path, clock)
    for turn in range(3):
        screen.show(FACTS)
        np.testing.assert_array_equal(board.display(), draw(FACTS, turn, SIZE, PAGES))
        clock.advance(PAGE_S)
    screen.close()
    np.testing.assert_array_equal(board.display(), draw(FACTS, 2, SIZE, PAGES))


def test_an_absent_display_is_looked_for_less_and_less_often():
    clock, display = FakeClock(), Absent()
    screen = Screen(display, clock=clock)
    tries = []
    for _ in range(600):
        screen.show(FACTS)
        tries.append(display.opened)
        clock.advance(0.25)
    gaps = np.diff(np.flatnonzero(np.diff([0, *tries]))) * 0.25
    assert gaps.tolist() == [2 * RETRY_S, 4 * RETRY_S, 8 * RETRY_S, RETRY_MOST_S]
    screen.close(dark=True)


def test_it_gives_way_to_a_drive_and_comes_back_later(tmp_path, board):
    clock = FakeClock()
    standby, drive = screen_on(tmp_path, clock, pages=(power,)), screen_on(tmp_path, clock, drive=True)
    standby.show(FACTS)
    alone = board.display()
    drives = Facts(host="car", mode="automatic", state="armed")
    for _ in range(8):
        drive.show(drives, 1)
        standby.show(FACTS)
        np.testing.assert_array_equal(board.display(), draw(drives, 1, SIZE))
        clock.advance(0.25)
    drive.close()
    standby.close(dark=True)
    assert board.display().any(), "what the drive has left is not this one's to wipe"
    clock.advance(KEEP_S - 0.5)
    standby.show(FACTS)
    np.testing.assert_array_equal(board.display(), draw(drives, 1, SIZE))  # there is time to read it
    clock.advance(0.5)
    standby.show(FACTS)
    np.testing.assert_array_equal(board.display(), alone)
    standby.close(dark=True)
    assert not board.display().any()


def test_a_display_that_falls_off_in_the_end_is_left_alone(tmp_path, board):
    clock = FakeClock()
    screen = screen_on(tmp_path, clock)
    screen.show(FACTS)
    board.nak(0x3C, True)
    screen.close(dark=True)
