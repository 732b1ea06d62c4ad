"""Reads /dev/input/eventN with nothing but the kernel's own interface (linux/input.h, linux/input-event-codes.h).

An unplugged pad is known at once: the kernel answers ENODEV. Libraries that keep the last stick position
instead (pygame does) would drive on with it.
"""
from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Set, Tuple

EVENT = struct.Struct("llHHi")  # struct input_event: time (s, us), type, code, value
AXIS = struct.Struct("6i")  # struct input_absinfo: value, minimum, maximum, fuzz, flat, resolution
IDENTITY = struct.Struct("4H")  # struct input_id: bus, vendor, product, version
EV_SYN, EV_KEY, EV_ABS = 0x00, 0x01, 0x03
SYN_REPORT, SYN_DROPPED = 0, 3
KEY_COUNT, ABS_COUNT = 0x300, 0x40

# the numbers of the ioctls of type "E"
GET_ID, GET_NAME, GET_KEYS, GET_BITS, GET_AXIS = 0x02, 0x06, 0x18, 0x20, 0x40

_READ_EVENTS, _READS = 64, 16  # an update handles at most so many, however fast the device floods

Ask = Callable[[int, int, int], bytes]


class Event(NamedTuple):
    kind: int
    code: int
    value: int


def ask_kernel(fd: int, number: int, size: int) -> bytes:
    """The only ioctl: `_IOC(_IOC_READ, 'E', number, size)`. Raises OSError."""
    answer = bytearray(size)
    fcntl.ioctl(fd, 2 << 30 | size << 16 | ord("E") << 8 | number, answer)
    return bytes(answer)


class EventDevice:
    """An open device and its state now: `axes` (code: -1..1), `held` (codes of the buttons that are down).

    `keys` are the buttons that it has. The constructor raises OSError: no such device, no permission, no event device.
    """

    def __init__(self, path: str, ask: Ask = ask_kernel) -> None:
        self._ask, self._rest, self._lost = ask, b"", False
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self.name = self._asked(GET_NAME, 256).split(b"\0")[0].decode("utf-8", "replace")
            _, self.vendor, self.product, _ = IDENTITY.unpack(self._asked(GET_ID, IDENTITY.size))
            self.keys: FrozenSet[int] = frozenset(_bits(self._asked(GET_BITS + EV_KEY, KEY_COUNT // 8)))
            self._codes = _bits(self._asked(GET_BITS + EV_ABS, ABS_COUNT // 8))
            self._read_state()
        except OSError:
            self.close()
            raise

    def update(self) -> List[Event]:
        """Take in all that happened since the last call, and return it; never blocks.

        Raises OSError when the device is gone; its state then says nothing any more.
        """
        events: List[Event] = []
        for _ in range(_READS):
            try:
                data = os.read(self._fd, _READ_EVENTS * EVENT.size)
            except BlockingIOError:
                break
            if not data:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            data = self._rest + data
            whole = len(data) - len(data) % EVENT.size
            self._rest = data[whole:]
            events += [event for _, _, *event in EVENT.iter_unpack(data[:whole]) if self._take(*event)]
        return [Event(*event) for event in events]

    def close(self) -> None:
        """May take the kernel tens of milliseconds."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _take(self, kind: int, code: int, value: int) -> bool:
        """Put one event into the state; False for those that say nothing of their own."""
        if kind == EV_SYN:
            if code == SYN_DROPPED:  # the kernel's buffer ran over: what follows is torn, up to the next report
                self._lost = True
            elif code == SYN_REPORT and self._lost:
                self._lost = False
                self._read_state()
        elif not self._lost and kind == EV_KEY:
            (self.held.add if value else self.held.discard)(code)
            return True
        elif not self._lost and kind == EV_ABS and code in self._ranges:
            self.axes[code] = _scaled(value, *self._ranges[code])
            return True
        return False

    def _read_state(self) -> None:
        self._ranges: Dict[int, Tuple[int, int]] = {}
        self.axes: Dict[int, float] = {}
        for code in self._codes:
            value, low, high, *_ = AXIS.unpack(self._asked(GET_AXIS + code, AXIS.size))
            if high > low:
                self._ranges[code] = (low, high)
                self.axes[code] = _scaled(value, low, high)
        self.held: Set[int] = set(_bits(self._asked(GET_KEYS, KEY_COUNT // 8)))

    def _asked(self, number: int, size: int) -> bytes:
        return self._ask(self._fd, number, size)


def _bits(mask: bytes) -> List[int]:
    return [8 * place + bit for place, byte in enumerate(mask) for bit in range(8) if byte >> bit & 1]


def _scaled(value: int, low: int, high: int) -> float:
    return min(1.0, max(-1.0, (2.0 * value - low - high) / (high - low)))
