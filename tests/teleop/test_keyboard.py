"""The keyboard, on a real pseudo-terminal."""
from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import DeviceError
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, NEUTRAL, Command
from jetracer.teleop.base import make_teleop
from jetracer.teleop.keyboard import ESTOP_S, KeyboardTeleop
from jetracer.teleop.terminal import HOLD_S, REPEAT_HOLD_S


class Terminal:
    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.path = os.ttyname(self.slave)

    def type(self, text):
        os.write(self.master, text.encode())

    def mode(self):
        return termios.tcgetattr(self.slave)

    def close(self):
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def clock():
    return FakeClock(5.0)


@pytest.fixture
def teleop(terminal, clock):
    with make_teleop(f"keyboard:{terminal.path}", clock) as teleop:
        yield teleop


def test_nothing_pressed(teleop):
    pilot = teleop.poll()
    assert (pilot.command, pilot.deadman, pilot.t_s) == (NEUTRAL, False, 5.0)


@pytest.mark.parametrize("keys, command", [
    ("w", Command(0.0, 0.05)), ("\x1b[A\x1b[A", Command(0.0, 0.1)), ("s", Command(0.0, -0.05)),
    ("d", Command(0.25, 0.0)), ("\x1bOC\x1bOC", Command(0.5, 0.0)), ("aaaaaa", Command(-1.0, 0.0)),
    ("W" * 20, Command(0.0, 0.5)), ("wwws", Command(0.0, 0.0)), ("wwwss", Command(0.0, -0.05)),
    ("wwd", Command(0.25, 0.1)), ("h", NEUTRAL), ("\x1b[B", Command(0.0, -0.05)), ("\x1b[D", Command(-0.25, 0.0)),
])
def test_driving_keys_move_in_steps_and_hold_the_deadman(teleop, terminal, keys, command):
    terminal.type(keys)
    pilot = teleop.poll()
    assert pilot.deadman
    assert pilot.command.steering == pytest.approx(command.steering)
    assert pilot.command.throttle == pytest.approx(command.throttle)


def test_no_more_keys_no_more_drive(teleop, terminal, clock):
    terminal.type("w")
    teleop.poll()
    clock.advance(HOLD_S - 0.01)
    assert teleop.poll().deadman, "the first repetition takes its time"
    terminal.type("w")
    teleop.poll()
    clock.advance(REPEAT_HOLD_S + 0.01)
    pilot = teleop.poll()
    assert (pilot.command, pilot.deadman) == (NEUTRAL, False)
    terminal.type("h")
    assert teleop.poll().command == NEUTRAL, "it begins from nothing again"


def test_steering_returns_to_the_middle_while_another_key_is_held(teleop, terminal, clock):
    terminal.type("wwd")
    teleop.poll()
    clock.advance(HOLD_S - 0.1)
    terminal.type("h")
    assert teleop.poll().command.steering == 0.25
    clock.advance(0.2)
    pilot = teleop.poll()
    assert pilot.deadman
    assert pilot.command == Command(0.0, pytest.approx(0.1))


@pytest.mark.parametrize("key", [" ", "\x1b"])
def test_emergency_stop(teleop, terminal, clock, key):
    terminal.type("www")
    assert teleop.poll().command.throttle > 0
    terminal.type(key)
    pilots = [teleop.poll(), teleop.poll()]  # an escape alone is known as such at the next poll
    assert pilots[-1].estop
    assert (pilots[-1].command, pilots[-1].deadman) == (NEUTRAL, False)
    clock.advance(ESTOP_S + 0.01)
    assert not teleop.poll().estop


def test_other_keys(teleop, terminal):
    terminal.type("m")
    assert teleop.poll().mode == ASSISTED
    terminal.type("\r")
    assert teleop.poll().arm
    assert not teleop.poll().arm
    terminal.type("ru")
    first, second = teleop.poll(), teleop.poll()
    assert first.record and second.record and first.undo and not second.undo
    terminal.type("++" + "w" * 20)
    assert teleop.poll().command.throttle == pytest.approx(0.7)
    terminal.type("-")
    assert teleop.poll().command.throttle == pytest.approx(0.6)
    assert teleop.poll().limit == pytest.approx(0.6)
    terminal.type("]]")
    assert teleop.poll().trim == pytest.approx(0.04)
    terminal.type("[")
    assert teleop.poll().trim == pytest.approx(0.02)


def test_a_switch_counts_once_however_long_it_is_held(teleop, terminal, clock):
    seen = []
    for _ in range(40):  # held for 2 s: the first repetition after 0.5 s, then 20 a second
        terminal.type("" if seen and len(seen) < 10 else "mru")
        pilot = teleop.poll()
        seen.append((pilot.mode, pilot.record, pilot.undo))
        clock.advance(0.05)
    assert seen == [(ASSISTED, True, True)] + [(ASSISTED, True, False)] * 39
    clock.advance(HOLD_S)
    terminal.type("mru")
    pilot = teleop.poll()
    assert (pilot.mode, pilot.record, pilot.undo) == (AUTOMATIC, False, True)


@pytest.mark.parametrize("key", "wasd")
def test_a_driving_key_takes_over_from_the_network(teleop, terminal, clock, key):
    terminal.type("m")
    teleop.poll()
    clock.advance(HOLD_S + 0.01)
    terminal.type("mh")
    assert teleop.poll().mode == AUTOMATIC
    terminal.type(key)
    pilot = teleop.poll()
    assert pilot.mode == MANUAL
    assert pilot.command != NEUTRAL


@pytest.mark.parametrize("keys", ["\x1b[3~", "\x1b[1;5H", "\x1b[15~", "\x1bOP", "xyz09\x00"])
def test_keys_without_a_meaning_do_nothing(teleop, terminal, keys):
    terminal.type(keys)
    for _ in range(2):
        pilot = teleop.poll()
        assert not pilot.estop
        assert (pilot.command, pilot.deadman) == (NEUTRAL, False)


def test_an_arrow_in_two_pieces(teleop, terminal):
    terminal.type("\x1b")
    assert not teleop.poll().estop
    terminal.type("[A")
    pilot = teleop.poll()
    assert pilot.command.throttle > 0 and not pilot.estop


def test_the_terminal_is_as_before_when_closed(terminal, clock):
    before = terminal.mode()
    teleop = KeyboardTeleop(clock, terminal.path)
    teleop.open()
    teleop.open()
    assert not terminal.mode()[3] & (termios.ICANON | termios.ECHO)
    assert terminal.mode()[3] & termios.ISIG, "Ctrl-C still interrupts"
    terminal.type("wwww\n")
    teleop.close()
    os.set_blocking(terminal.slave, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal.slave, 100)  # the shell gets none of it
    teleop.close()
    assert terminal.mode() == before


@pytest.mark.parametrize("ending", ["raise SystemExit(3)", "raise RuntimeError('bug')", "pass"])
def test_the_terminal_is_as_before_however_the_program_ends(terminal, ending):
    before = terminal.mode()
    code = (f"from jetracer.teleop.keyboard import KeyboardTeleop\n"
            f"KeyboardTeleop(None, {terminal.path!r}).open()\n{ending}")
    subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, timeout=60)
    assert terminal.mode() == before


def test_a_terminal_that_hangs_up(teleop, terminal, clock):
    terminal.type("www")
    assert teleop.poll().deadman
    clock.advance(0.02)
    terminal.close()
    pilot = teleop.poll()
    assert (pilot.command, pilot.deadman, pilot.t_s) == (NEUTRAL, False, 5.0)
    clock.advance(1.0)
    assert teleop.poll().t_s == 5.0


def test_no_terminal(tmp_path):
    (tmp_path / "file").touch()
    for path in (str(tmp_path / "file"), str(tmp_path / "missing")):
        with pytest.raises(DeviceError, match="needs a terminal"):
            KeyboardTeleop(None, path).open()
