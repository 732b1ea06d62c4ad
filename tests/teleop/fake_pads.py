"""Gamepads made of a FIFO that carries real input events, and answers to the ioctls as the kernel gives them."""
from __future__ import annotations

import errno
import os
import struct

from jetracer.teleop import evdev
from jetracer.teleop.evdev import ABS_COUNT, AXIS, EV_ABS, EV_KEY, EV_SYN, EVENT, IDENTITY, KEY_COUNT

STICK = (-32768, 32767)
BYTE = (0, 255)
TRIGGER = (0, 1023)

XBOX_KEYS = (0x130, 0x131, 0x133, 0x134, 0x136, 0x137, 0x13A, 0x13B, 0x13C, 0x13D, 0x13E)
ANDROID_KEYS = tuple(range(0x130, 0x13F))
SONY_KEYS = (0x130, 0x131, 0x133, 0x134, 0x136, 0x137, 0x138, 0x139, 0x13A, 0x13B, 0x13C, 0x13D, 0x13E)
HAT = {0x10: (-1, 1), 0x11: (-1, 1)}
XBOX_AXES = {0: STICK, 1: STICK, 2: TRIGGER, 3: STICK, 4: STICK, 5: TRIGGER, **HAT}
SONY_AXES = {0: BYTE, 1: BYTE, 2: BYTE, 3: BYTE, 4: BYTE, 5: BYTE, **HAT}
ANDROID_AXES = {0: BYTE, 1: BYTE, 2: BYTE, 5: BYTE, 9: BYTE, 10: BYTE, **HAT}
JOYSTICK_AXES = {0: BYTE, 1: BYTE, 2: BYTE, 5: BYTE, **HAT}


class FakePad:
    """A device in `folder`. `set` and `press` reach the reader as the kernel's events would."""

    def __init__(self, folder, name="Microsoft X-Box 360 pad", identity=(0x045E, 0x028E), keys=XBOX_KEYS,
                 axes=None, number=0):
        self.path = str(folder / f"event{number}")
        self.name, self.identity, self.keys = name, identity, frozenset(keys)
        self.axes = dict(XBOX_AXES if axes is None else axes)
        self.values = {code: (low + high + 1) // 2 for code, (low, high) in self.axes.items()}
        self.held = set()
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDWR)

    def unplug(self):
        os.close(self._fd)
        os.unlink(self.path)

    def set(self, code, share, report=True):
        """An axis to a share of its way, -1 to 1."""
        low, high = self.axes[code]
        self.values[code] = round((low + high + share * (high - low)) / 2)
        self.send(EV_ABS, code, self.values[code], report)

    def press(self, code, down=True):
        (self.held.add if down else self.held.discard)(code)
        self.send(EV_KEY, code, int(down))

    def send(self, kind, code, value, report=True):
        events = [(kind, code, value)] + [(EV_SYN, evdev.SYN_REPORT, 0)] * report
        os.write(self._fd, b"".join(EVENT.pack(0, 0, *event) for event in events))


class FakeKernel:
    """Answers `ask(fd, number, size)` for the pads that it knows by their files."""

    def __init__(self, *pads):
        self.pads = list(pads)
        self.asked = 0

    def __call__(self, fd, number, size):
        self.asked += 1
        path = os.readlink(f"/proc/self/fd/{fd}").replace(" (deleted)", "")
        pad = next((pad for pad in self.pads if pad.path == path), None)
        if pad is None:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        return self._answer(pad, number).ljust(size, b"\0")

    def _answer(self, pad, number):
        if number == evdev.GET_NAME:
            return pad.name.encode()
        if number == evdev.GET_ID:
            return IDENTITY.pack(3, *pad.identity, 0x110)
        if number == evdev.GET_KEYS:
            return mask(pad.held, KEY_COUNT)
        if number == evdev.GET_BITS + EV_KEY:
            return mask(pad.keys, KEY_COUNT)
        if number == evdev.GET_BITS + EV_ABS:
            return mask(pad.axes, ABS_COUNT)
        code = number - evdev.GET_AXIS
        return AXIS.pack(pad.values[code], *pad.axes[code], 0, 0, 0)


def mask(codes, count):
    return struct.pack(f"<{count // 8}B", *(
        sum(1 << code % 8 for code in codes if code // 8 == place) for place in range(count // 8)))
