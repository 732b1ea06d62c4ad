"""Whose turn it is on the glass."""
from __future__ import annotations

import fcntl
import os
import subprocess
import sys

from jetracer.display.turn import Turn


def test_a_drive_goes_first_and_the_others_come_back(tmp_path):
    bus = f"sim:{tmp_path}/board"
    drive, other = Turn(bus, drive=True), Turn(bus)
    with other as mine:
        assert mine
        with drive as drives:
            assert not drives  # in the middle of a picture; it asks again
    with drive as drives:
        assert drives
    with other as mine:
        assert not mine
    drive.close()
    drive.close()
    with other as mine, Turn(bus) as too:
        assert mine and too


def test_it_ends_with_its_holder(tmp_path):
    program = (
        "import sys, time\nfrom jetracer.display.turn import Turn\n"
        f"turn = Turn('sim:{tmp_path}/board', drive=True)\nprint(turn.__enter__(), flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        with Turn(f"sim:{tmp_path}/board") as mine:
            assert not mine
        holder.kill()
    with Turn(f"sim:{tmp_path}/board") as mine:
        assert mine


def test_without_a_bus_there_is_nothing_to_share(tmp_path):
    assert not os.path.exists("/dev/i2c-9999")
    for turn in (Turn("9999"), Turn("9999", drive=True), Turn(f"sim:{tmp_path}/nowhere/board")):
        with turn as mine:
            assert mine
        turn.close()


def test_the_guards_lock_on_the_same_bus_is_not_in_its_way(tmp_path):
    drive, other = Turn("9999", drive=True), Turn("9999")
    drive._path = other._path = str(tmp_path / "i2c-1")  # as a device file: it is there, and all open it
    with open(drive._path, "w") as guards:
        fcntl.flock(guards, fcntl.LOCK_EX)
        with drive as mine:
            assert mine
        with other as mine:
            assert not mine
        drive.close()
        with other as mine:
            assert mine
