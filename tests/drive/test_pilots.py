"""Gamepad and keyboard through the whole flow: to the registers, and back to neutral when the pilot is gone."""
from __future__ import annotations

import os
import pty
import time
from dataclasses import replace

import pytest

from jetracer.core.clock import MonotonicClock
from jetracer.data.log import RecordConfig
from jetracer.drive.build import drive, hint_of
from jetracer.drive.config import DriveConfig
from jetracer.safety.start import start_guard
from jetracer.sim.board import Board
from jetracer.teleop.gamepad import GamepadTeleop
from jetracer.teleop.keyboard import KeyboardTeleop
from tests.teleop.fake_pads import FakeKernel, FakePad

from .test_drive import config  # noqa: F401  (a fixture)

NEUTRAL_US, DEADMAN, START, THROTTLE = 1500.0, 0x136, 0x13B, 4
TURN_S = 0.02  # of the loop that polls


def turn_until(client, teleop, condition, seconds=10.0):
    """Turn the loop until something is so; how long that took."""
    start_s = time.monotonic()
    while not condition():
        now_s = time.monotonic()
        assert now_s - start_s < seconds, "it never happened"
        pilot = teleop.poll()
        client.send(pilot.command, now_s, pilot, 1.0)
        MonotonicClock().sleep_until(now_s + TURN_S)
    return time.monotonic() - start_s


@pytest.mark.parametrize("how", ["unplugged", "deadman", "estop"])
def test_a_gamepad_that_is_gone_leaves_the_motor_in_neutral(tmp_path, monkeypatch, how):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    board = Board.create(str(tmp_path / "board"))
    pad = FakePad(tmp_path)
    kernel = FakeKernel(pad)

    def stopped():
        return abs(board.pulse_us(1) - NEUTRAL_US) < 3

    with start_guard(f"sim:{tmp_path / 'board'}") as guard, guard.connect() as client, \
            GamepadTeleop(folder=str(tmp_path), ask=kernel) as teleop:
        turn_until(client, teleop, lambda: time.monotonic() - board.last_write_s < 0.2)
        pad.press(DEADMAN)
        while not client.status().armed:
            pad.press(START)
            turn_until(client, teleop, iter([False, True]).__next__)
            pad.press(START, False)
            turn_until(client, teleop, iter([False, True]).__next__)
        pad.set(THROTTLE, -1.0)
        turn_until(client, teleop, lambda: not stopped())
        if how == "unplugged":
            pad.unplug()
        else:
            pad.press(*((DEADMAN, False) if how == "deadman" else (0x131,)))
        took_s = turn_until(client, teleop, stopped)
        assert took_s <= 0.1
        turn_until(client, teleop, iter([False] * 5 + [True]).__next__)
        assert stopped()
    board.close()


@pytest.mark.parametrize("teleop, button", [(KeyboardTeleop(), "R"), (GamepadTeleop(), "X or square")])
def test_the_record_button_is_told_of_where_it_decides_what_is_kept(teleop, button):
    by_button = replace(DriveConfig(), record=RecordConfig("button"))
    assert hint_of(teleop, by_button) == f"{teleop.hint}, {button} records"
    for pictures in ("all", "none"):
        assert hint_of(teleop, replace(by_button, record=RecordConfig(pictures))) == teleop.hint


def test_a_keyboard_drives_and_nobody_at_it_stops(config):  # noqa: F811
    master, slave = pty.openpty()
    steps = []

    def watch(step, *_):
        steps.append(step)
        if not step.decision.armed and len(steps) % 5 == 0:
            os.write(master, b"\r")
        elif step.decision.armed and step.t_s - steps[0].t_s < 2.0:
            os.write(master, b"w")

    said = []
    summary = drive(replace(config, duration_s=3.5, teleop=f"keyboard:{os.ttyname(slave)}"), watch, said.append)
    assert "keyboard: Return arms, arrows or W A S D drive, space stops, M changes the mode, Ctrl-C ends" in said
    assert max(step.decision.command.throttle for step in steps) > 0.2
    assert summary["distance_m"] > 0.1
    assert steps[-1].decision.command.throttle == 0.0
    assert "deadman" in {stop.reason for stop in steps[-1].decision.stops}
    for fd in (master, slave):
        os.close(fd)
