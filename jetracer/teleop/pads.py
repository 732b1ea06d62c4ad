"""Which button does what on which gamepad: one table, looked through from the top.

A row fits a pad of its vendor and products that has every button and axis the row names, so that a pad in another
mode (8BitDo, F710) or under another kernel driver (Xbox by Bluetooth, PS4 before Linux 4.10) finds the row that is
right for it. The last rows fit by capability alone.
"""
from __future__ import annotations

from typing import AbstractSet, NamedTuple, Optional, Tuple

# linux/input-event-codes.h
ABS_X, ABS_Y, ABS_Z, ABS_RX, ABS_RY, ABS_RZ, ABS_GAS, ABS_BRAKE = 0, 1, 2, 3, 4, 5, 9, 10
HAT_X, HAT_Y = 0x10, 0x11
DPAD_UP, DPAD_DOWN, DPAD_LEFT, DPAD_RIGHT = 0x220, 0x221, 0x222, 0x223
BTN_C = 0x132


class Layout(NamedTuple):
    """The codes of a pad's parts, by what they do here."""

    steering: int  # left stick, across
    throttle: int  # right stick, up and down; up is negative
    deadman: int  # left shoulder
    estop: int  # B, circle
    arm: int  # start, options
    mode: int  # Y, triangle
    record: int  # X, square
    undo: int  # back, select, share


class Profile(NamedTuple):
    name: str
    layout: Layout
    vendor: Optional[int] = None
    products: Tuple[int, ...] = ()  # none: all of the vendor
    needs: Tuple[int, ...] = ()  # codes that only pads of this row have, beyond those of the layout


# Linux's xpad driver calls Y BTN_WEST and X BTN_NORTH; Sony's drivers name them by where they are.
XBOX = Layout(ABS_X, ABS_RY, 0x136, 0x131, 0x13B, 0x134, 0x133, 0x13A)
SONY = Layout(ABS_X, ABS_RY, 0x136, 0x131, 0x13B, 0x133, 0x134, 0x13A)
# generic HID in Android's order: right stick on Z and RZ, triggers on GAS and BRAKE
ANDROID = Layout(ABS_X, ABS_RZ, 0x136, 0x131, 0x13B, 0x134, 0x133, 0x13A)
# Sony's pads as generic HID: buttons counted through from 0x130 as square, cross, circle, triangle, L1, ...
SONY_PLAIN = Layout(ABS_X, ABS_RZ, 0x134, 0x132, 0x139, 0x133, 0x130, 0x138)
# "joystick" HID, counted from 0x120 as X, A, B, Y, LB, RB, LT, RT, back, start
JOYSTICK = Layout(ABS_X, ABS_RZ, 0x124, 0x122, 0x129, 0x123, 0x120, 0x128)

_ANDROID_AXES = (ABS_GAS, ABS_BRAKE)
_PLAIN_AXES = (BTN_C, ABS_Z, ABS_RX, ABS_RY)
_PS4, _PS5 = (0x05C4, 0x09CC, 0x0BA0), (0x0CE6, 0x0DF2)

PROFILES: Tuple[Profile, ...] = (
    Profile("Xbox, Bluetooth", ANDROID, 0x045E, (), _ANDROID_AXES),
    Profile("Xbox", XBOX, 0x045E),
    Profile("PS4, plain", SONY_PLAIN, 0x054C, _PS4, _PLAIN_AXES),
    Profile("PS4", SONY, 0x054C, _PS4),
    Profile("PS5, plain", SONY_PLAIN, 0x054C, _PS5, _PLAIN_AXES),
    Profile("PS5", SONY, 0x054C, _PS5),
    Profile("8BitDo, D mode", ANDROID, 0x2DC8, (), _ANDROID_AXES),
    Profile("8BitDo, X mode", XBOX, 0x2DC8),
    Profile("Logitech F710, X mode", XBOX, 0x046D, (0xC21D, 0xC21E, 0xC21F)),
    Profile("Logitech F710, D mode", JOYSTICK, 0x046D, (0xC216, 0xC218, 0xC219)),
    Profile("ShanWan", ANDROID, 0x2563, (), _ANDROID_AXES),
    Profile("ShanWan", ANDROID, 0x20BC, (), _ANDROID_AXES),
    Profile("pad in Android's order", ANDROID, needs=_ANDROID_AXES),
    Profile("pad in Sony's order", SONY_PLAIN, needs=_PLAIN_AXES),
    Profile("pad in Xbox's order", XBOX),
    Profile("pad in joystick order", JOYSTICK),
)  # fmt: skip


def profile_of(vendor: int, product: int, codes: AbstractSet[int]) -> Optional[Profile]:
    """The first row that fits a device with these buttons and axes; None for what is no gamepad."""
    for profile in PROFILES:
        if profile.vendor not in (None, vendor) or (profile.products and product not in profile.products):
            continue
        if codes.issuperset(profile.layout) and codes.issuperset(profile.needs):
            return profile
    return None
