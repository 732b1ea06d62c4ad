"""Gamepads made by the kernel's uinput (linux/uinput.h): to a program no different from those that are plugged in."""
from __future__ import annotations

import fcntl
import os
import struct
import time
from typing import Dict, NamedTuple, Tuple

from jetracer.teleop.evdev import AXIS, EV_ABS, EV_KEY, EV_SYN, EVENT, SYN_REPORT
from jetracer.teleop.pads import Layout
from tests.teleop.fake_pads import (
    ANDROID_AXES,
    ANDROID_KEYS,
    JOYSTICK_AXES,
    SONY_AXES,
    SONY_KEYS,
    XBOX_AXES,
    XBOX_KEYS,
)

_CREATE, _DESTROY, _SETUP, _SETUP_AXIS = 0x5501, 0x5502, 0x405C5503, 0x401C5504
_HAS_KIND, _HAS_KEY, _HAS_AXIS = 0x40045564, 0x40045565, 0x40045567
_IDENTITY = struct.Struct("4H80sI")  # struct uinput_setup: bus, vendor, product, version, name, force feedback
_USB = 3


class Kind(NamedTuple):
    """A pad as one buys it: `axes` are codes with their ranges."""

    name: str
    vendor: int
    product: int
    keys: Tuple[int, ...]
    axes: Dict[int, Tuple[int, int]]


XBOX = Kind("Microsoft X-Box 360 pad", 0x045E, 0x028E, XBOX_KEYS, XBOX_AXES)
KINDS = (
    XBOX,
    Kind("Sony PLAYSTATION(R)4 Wireless Controller", 0x054C, 0x09CC, SONY_KEYS, SONY_AXES),
    Kind("Sony DualSense Wireless Controller", 0x054C, 0x0CE6, SONY_KEYS, SONY_AXES),
    Kind("8BitDo in D mode", 0x2DC8, 0x6001, ANDROID_KEYS, ANDROID_AXES),
    Kind("Logitech F710 in D mode", 0x046D, 0xC219, tuple(range(0x120, 0x12C)), JOYSTICK_AXES),
    Kind("SHANWAN Android Gamepad", 0x2563, 0x0575, ANDROID_KEYS, ANDROID_AXES),
)


class UinputPad:
    """Plugged in when made, out by `unplug` or when its process ends."""

    def __init__(self, kind: Kind = XBOX) -> None:
        self._axes = kind.axes
        self._fd = os.open("/dev/uinput", os.O_WRONLY | os.O_NONBLOCK)
        for event in (EV_KEY, EV_ABS):
            fcntl.ioctl(self._fd, _HAS_KIND, event)
        for key in kind.keys:
            fcntl.ioctl(self._fd, _HAS_KEY, key)
        for axis, (low, high) in kind.axes.items():
            fcntl.ioctl(self._fd, _HAS_AXIS, axis)
            place = AXIS.pack((low + high + 1) // 2, low, high, 0, 0, 0)
            fcntl.ioctl(self._fd, _SETUP_AXIS, struct.pack("Hxx", axis) + place)
        fcntl.ioctl(self._fd, _SETUP, _IDENTITY.pack(_USB, kind.vendor, kind.product, 1, kind.name.encode(), 0))
        fcntl.ioctl(self._fd, _CREATE)

    def unplug(self) -> None:
        if self._fd >= 0:
            fcntl.ioctl(self._fd, _DESTROY)
            os.close(self._fd)
            self._fd = -1

    def push(self, layout: Layout, steering: float, throttle: float) -> None:
        """Move the sticks of a layout; +1 is right and forward."""
        places = ((layout.steering, steering), (layout.throttle, -throttle))
        self._send(*((EV_ABS, axis, self._raw(axis, place)) for axis, place in places))

    def press(self, key: int, down: bool = True) -> None:
        self._send((EV_KEY, key, int(down)))

    def tap(self, key: int, hold_s: float = 0.15) -> None:
        """Press and let go, for longer than a turn of the drive loop."""
        self.press(key)
        time.sleep(hold_s)
        self.press(key, False)

    def _raw(self, axis: int, place: float) -> int:
        low, high = self._axes[axis]
        return min(high, round((low + high + 1) / 2 + place * (high - low) / 2))

    def _send(self, *events: Tuple[int, int, int]) -> None:
        os.write(self._fd, b"".join(EVENT.pack(0, 0, *event) for event in (*events, (EV_SYN, SYN_REPORT, 0))))
