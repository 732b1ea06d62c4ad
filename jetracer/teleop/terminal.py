"""The keys of a terminal, also over ssh, and whether one is held.

A terminal tells of presses, never of releases, so the keyboard's own repetition tells: a key counts as held for
`HOLD_S` after a press, and once it repeats, for the shorter `REPEAT_HOLD_S` after each repetition.
"""
from __future__ import annotations

import atexit
import math
import os
import re
import termios
from typing import List, Optional, Tuple

from jetracer.core.device import Device
from jetracer.core.errors import DeviceError

HOLD_S = 0.6  # until the first repetition, 0.25 to 0.6 s on most machines
REPEAT_HOLD_S = 0.25  # between repetitions, 0.03 to 0.1 s

_ARROWS = {b"A": "w", b"B": "s", b"C": "d", b"D": "a"}
_ESCAPE = 0x1B
# ECMA-48 5.4: parameters, intermediate bytes, and a final byte that tells the key
_SEQUENCE = re.compile(rb"\x1b(?:O|\[[\x20-\x3f]*)([\x40-\x7e])")
_BEGUN = re.compile(rb"\x1b(?:O|\[[\x20-\x3f]{0,16})?")


class Terminal(Device):
    """The terminal that the program runs in, or the one at `path`. Its mode is put back whatever happens."""

    def __init__(self, path: str = "", otherwise: str = "") -> None:
        self._path, self._otherwise = path or "/dev/tty", otherwise
        self._fd = -1
        self._before: Optional[list] = None
        self._rest = b""

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def open(self) -> None:
        """Raises DeviceError where there is no terminal."""
        if self.is_open:
            return
        try:
            # a file description of its own: O_NONBLOCK on the shared standard input would upset the shell
            self._fd = os.open(self._path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._before = termios.tcgetattr(self._fd)
        except (OSError, termios.error) as error:
            self.close()
            raise DeviceError(
                f"The keyboard needs a terminal, {self._path} is none; run it in one{self._otherwise}."
            ) from error
        atexit.register(self.close)
        mode = termios.tcgetattr(self._fd)
        mode[3] &= ~(termios.ICANON | termios.ECHO)  # keys at once and unseen; Ctrl-C still interrupts
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        self._rest = b""

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

    def keys(self) -> List[str]:
        """The keys pressed since the last call; arrows as w, a, s, d. Closes, and says so, when the terminal is gone.

        Raises DeviceError.
        """
        if not self.is_open:
            return []
        try:
            data = os.read(self._fd, 1024)
            hung_up = not data
        except BlockingIOError:
            data, hung_up = b"\0" if self._rest else b"", False  # nothing followed an escape: it was the key itself
        except OSError:
            hung_up = True
        if hung_up:
            self.close()
            raise DeviceError("The terminal has hung up.")
        return self._split(self._rest + data)

    def _split(self, data: bytes) -> List[str]:
        self._rest = b""
        keys = []
        while data:
            key, size = _first_key(data)
            if not size:
                self._rest = data
                break
            keys.append(key)
            data = data[size:]
        return keys


class Held:
    """Whether a key is held, as far as its repetition tells."""

    def __init__(self) -> None:
        self.until_s = -math.inf
        self._last = ""

    def press(self, key: str, now_s: float) -> None:
        repeats = key == self._last and now_s <= self.until_s
        self._last = key
        self.until_s = now_s + (REPEAT_HOLD_S if repeats else HOLD_S)

    def release(self) -> None:
        self.until_s, self._last = -math.inf, ""

    def at(self, now_s: float) -> bool:
        return now_s <= self.until_s


def _first_key(data: bytes) -> Tuple[str, int]:
    """The first key in `data` and its length in bytes; length 0 where the rest of it has not come yet."""
    if data[0] != _ESCAPE:
        return chr(data[0]).lower().replace("\r", "\n"), 1
    sequence = _SEQUENCE.match(data)
    if sequence:
        return _ARROWS.get(sequence.group(1), ""), sequence.end()
    return ("", 0) if _BEGUN.fullmatch(data) else ("stop", 1)
