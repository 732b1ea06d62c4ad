"""The keys of a terminal, also over ssh.

A terminal tells of presses, never of releases, so the keyboard's own repetition is the deadman: a driving key counts as
held for `HOLD_S` after a press, and once it repeats, for the shorter `REPEAT_HOLD_S` after each repetition.
"""
from __future__ import annotations

import atexit
import math
import os
import re
import termios
from typing import Dict, List, Optional, Tuple

from jetracer.core.clock import Clock
from jetracer.core.errors import DeviceError
from jetracer.core.types import Pilot
from jetracer.teleop.base import Teleop
from jetracer.teleop.dials import Dials

HOLD_S = 0.6  # until the first repetition, 0.25 to 0.6 s on most machines
REPEAT_HOLD_S = 0.25  # between repetitions, 0.03 to 0.1 s
ESTOP_S = 0.5
STEERING_STEP, THROTTLE_STEP = 0.25, 0.1  # of one press or repetition

_ARROWS = {b"A": "w", b"B": "s", b"C": "d", b"D": "a"}
_SIGN = {"w": 1, "s": -1, "d": 1, "a": -1}
_HELD, _SWITCHES = frozenset("wasdh"), frozenset("mru")
_ESCAPE = 0x1B
# ECMA-48 5.4: parameters, intermediate bytes, and a final byte that tells the key
_SEQUENCE = re.compile(rb"\x1b(?:O|\[[\x20-\x3f]*)([\x40-\x7e])")
_BEGUN = re.compile(rb"\x1b(?:O|\[[\x20-\x3f]{0,16})?")


class KeyboardTeleop(Teleop):
    """The terminal that the program runs in, or the one at `argument`. Its mode is put back whatever happens."""

    hint = "keyboard: Return arms, arrows or W A S D drive, space stops, M changes the mode, Ctrl-C ends"

    def __init__(self, clock: Optional[Clock] = None, argument: str = "") -> None:
        super().__init__(clock, argument or "/dev/tty")
        self._fd = -1
        self._before: Optional[list] = None
        self._dials = Dials()
        self._heard_s = -math.inf
        self._rest = b""
        self._switched_s: Dict[str, float] = {}
        self._calm()

    def open(self) -> None:
        """Raises DeviceError where there is no terminal."""
        if self._fd >= 0:
            return
        try:
            # a file description of its own: O_NONBLOCK on the shared standard input would upset the shell
            self._fd = os.open(self._argument, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._before = termios.tcgetattr(self._fd)
        except (OSError, termios.error) as error:
            self.close()
            raise DeviceError(
                f"The keyboard needs a terminal, {self._argument} is none; run it in one, or use --teleop gamepad."
            ) from error
        atexit.register(self.close)
        mode = termios.tcgetattr(self._fd)
        mode[3] &= ~(termios.ICANON | termios.ECHO)  # keys at once and unseen; Ctrl-C still interrupts
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        self._calm()

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            if self._before is not None:
                termios.tcsetattr(fd, termios.TCSANOW, self._before)
                termios.tcflush(fd, termios.TCIFLUSH)  # keys still held are not for the shell
        except termios.error:
            pass  # the terminal is gone, and its mode with it
        finally:
            self._before = None
            os.close(fd)
            atexit.unregister(self.close)

    def poll(self) -> Pilot:
        now_s = self._clock.now_s()
        try:
            keys = self._keys()
        except OSError:
            self.close()
        if self._fd < 0:
            return self._dials.pilot(self._heard_s)
        self._heard_s = now_s
        self._undo = False
        for key in keys:
            self._press(key, now_s)
        deadman = now_s <= self._held_until_s
        if not deadman:
            self._steering = self._throttle = 0.0
        elif now_s > self._steered_until_s:
            self._steering = 0.0
        command = self._dials.command(self._steering, self._throttle)
        return self._dials.pilot(now_s, command=command, deadman=deadman, estop=now_s <= self._estop_until_s,
                                 arm="\n" in keys, undo=self._undo)

    def _calm(self) -> None:
        self._steering = self._throttle = 0.0
        self._last_key = ""
        self._held_until_s = self._steered_until_s = self._estop_until_s = -math.inf

    def _press(self, key: str, now_s: float) -> None:
        dials = self._dials
        if key in _SWITCHES:
            self._switch(key, now_s)
        elif key in _HELD:
            self._hold(key, now_s)
        elif key in (" ", "stop"):
            self._calm()
            self._estop_until_s = now_s + ESTOP_S
        elif key in ("+", "-"):
            dials.turn_limit(1 if key == "+" else -1)
        elif key in ("[", "]"):
            dials.turn_trim(1 if key == "]" else -1)

    def _switch(self, key: str, now_s: float) -> None:
        """A key that counts once, however long it is held."""
        last_s, self._switched_s[key] = self._switched_s.get(key, -math.inf), now_s
        if now_s - last_s <= HOLD_S:
            return
        if key == "m":
            self._dials.next_mode()
        elif key == "r":
            self._dials.record = not self._dials.record
        else:
            self._undo = True

    def _hold(self, key: str, now_s: float) -> None:
        repeats = key == self._last_key and now_s <= self._held_until_s
        self._last_key = key
        self._held_until_s = now_s + (REPEAT_HOLD_S if repeats else HOLD_S)
        if key in "ad":
            self._steering = _moved(self._steering, _SIGN[key] * STEERING_STEP)
            self._steered_until_s = self._held_until_s
        elif key in "ws":
            self._throttle = _moved(self._throttle, _SIGN[key] * THROTTLE_STEP)

    def _keys(self) -> List[str]:
        """The keys pressed since the last call; arrows as w, a, s, d. Raises OSError when the terminal is gone."""
        if self._fd < 0:
            return []
        try:
            data = os.read(self._fd, 1024)
        except BlockingIOError:
            data = b"\0" if self._rest else b""  # nothing followed an escape: it was the key itself
        else:
            if not data:
                raise OSError("the terminal has hung up")
        data, self._rest = self._rest + data, b""
        keys = []
        while data:
            key, size = _first_key(data)
            if not size:
                self._rest = data
                break
            keys.append(key)
            data = data[size:]
        return keys


def _first_key(data: bytes) -> Tuple[str, int]:
    """The first key in `data` and its length in bytes; length 0 where the rest of it has not come yet."""
    if data[0] != _ESCAPE:
        return chr(data[0]).lower().replace("\r", "\n"), 1
    sequence = _SEQUENCE.match(data)
    if sequence:
        return _ARROWS.get(sequence.group(1), ""), sequence.end()
    return ("", 0) if _BEGUN.fullmatch(data) else ("stop", 1)


def _moved(value: float, step: float) -> float:
    """One step on; from the other side, back to the middle first."""
    if value * step < 0.0:
        return 0.0
    return min(1.0, max(-1.0, value + step))
