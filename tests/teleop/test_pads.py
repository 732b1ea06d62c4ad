"""The table of gamepads."""
from __future__ import annotations

from pathlib import Path

import pytest

from jetracer.teleop.pads import ANDROID, JOYSTICK, PROFILES, SONY, SONY_PLAIN, XBOX, profile_of

from .fake_pads import (
    ANDROID_AXES,
    ANDROID_KEYS,
    JOYSTICK_AXES,
    SONY_AXES,
    SONY_KEYS,
    XBOX_AXES,
    XBOX_KEYS,
)

JOYSTICK_KEYS = tuple(range(0x120, 0x12C))
PLAIN_KEYS = tuple(range(0x130, 0x13E))


@pytest.mark.parametrize("vendor, product, keys, axes, name, layout", [
    (0x045E, 0x028E, XBOX_KEYS, XBOX_AXES, "Xbox", XBOX),
    (0x045E, 0x0B13, ANDROID_KEYS, ANDROID_AXES, "Xbox, Bluetooth", ANDROID),
    (0x045E, 0x02FD, XBOX_KEYS, ANDROID_AXES, "Xbox, Bluetooth", ANDROID),
    (0x054C, 0x09CC, SONY_KEYS, SONY_AXES, "PS4", SONY),
    (0x054C, 0x05C4, PLAIN_KEYS, SONY_AXES, "PS4, plain", SONY_PLAIN),
    (0x054C, 0x0CE6, SONY_KEYS, SONY_AXES, "PS5", SONY),
    (0x054C, 0x0CE6, PLAIN_KEYS, SONY_AXES, "PS5, plain", SONY_PLAIN),
    (0x2DC8, 0x3106, XBOX_KEYS, XBOX_AXES, "8BitDo, X mode", XBOX),
    (0x2DC8, 0x6001, ANDROID_KEYS, ANDROID_AXES, "8BitDo, D mode", ANDROID),
    (0x046D, 0xC21F, XBOX_KEYS, XBOX_AXES, "Logitech F710, X mode", XBOX),
    (0x046D, 0xC219, JOYSTICK_KEYS, JOYSTICK_AXES, "Logitech F710, D mode", JOYSTICK),
    (0x2563, 0x0575, ANDROID_KEYS, ANDROID_AXES, "ShanWan", ANDROID),
    (0x1234, 0x5678, XBOX_KEYS, XBOX_AXES, "pad in Xbox's order", XBOX),
    (0x1234, 0x5678, ANDROID_KEYS, ANDROID_AXES, "pad in Android's order", ANDROID),
    (0x1234, 0x5678, PLAIN_KEYS, SONY_AXES, "pad in Sony's order", SONY_PLAIN),
    (0x1234, 0x5678, JOYSTICK_KEYS, JOYSTICK_AXES, "pad in joystick order", JOYSTICK),
])
def test_every_pad_finds_its_row(vendor, product, keys, axes, name, layout):
    profile = profile_of(vendor, product, {*keys, *axes})
    assert (profile.name, profile.layout) == (name, layout)


@pytest.mark.parametrize("keys, axes", [
    (range(1, 0xF0), ()),  # a keyboard
    ((0x110, 0x111, 0x112), ()),  # a mouse
    ((0x145, 0x14A, 0x110), (0, 1, 0x2F, 0x35, 0x36)),  # the touchpad of a PS4 pad
    ((), range(6)),  # its motion sensors
])
def test_other_devices_are_no_gamepads(keys, axes):
    assert profile_of(0x054C, 0x09CC, {*keys, *axes}) is None


def test_no_layout_gives_two_parts_one_meaning():
    for profile in PROFILES:
        assert len(set(profile.layout)) == len(profile.layout), profile.name


# What is printed on the pads, and the codes that the kernel gives it: linux/input-event-codes.h, and for plain HID the
# order in which each pad reports its buttons.
XPAD = {"B": 0x131, "X": 0x133, "Y": 0x134, "LB": 0x136, "Back": 0x13A, "Start": 0x13B}
PRINTED = {
    "Xbox; 8BitDo, F710 in X mode": [(XBOX, XPAD)],
    "PS4, PS5": [
        (SONY, {"circle": 0x131, "triangle": 0x133, "square": 0x134, "L1": 0x136, "Share": 0x13A, "Options": 0x13B}),
        (SONY_PLAIN, {"square": 0x130, "circle": 0x132, "triangle": 0x133, "L1": 0x134, "Share": 0x138,
                      "Options": 0x139}),
    ],
    "ShanWan; 8BitDo in D mode": [(ANDROID, XPAD)],
    "F710 in D mode": [(JOYSTICK, {"X": 0x120, "B": 0x122, "Y": 0x123, "LB": 0x124, "Back": 0x128, "Start": 0x129})],
}
ROWS = {"deadman": "deadman: drives only while held", "arm": "arm", "estop": "emergency stop", "mode": "next mode",
        "record": "record, or not", "undo": "throw away the last seconds"}


def test_the_table_of_buttons_tells_what_the_code_does():
    lines = (Path(__file__).parents[2] / "docs" / "teleop.md").read_text(encoding="utf-8").splitlines()
    table = {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}
    assert table["what it does"] == list(PRINTED)
    for part, title in ROWS.items():
        for label, layouts in zip(table[title], PRINTED.values()):
            for layout, codes in layouts:
                assert codes[label] == getattr(layout, part), (title, label)
