"""Teleop: what the human asks for, or a script in the human's place."""
from __future__ import annotations

from typing import Optional

from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.device import Device
from jetracer.core.registry import Registry
from jetracer.core.types import Pilot


class Teleop(Device):
    """Backends are built as `Backend(clock, argument)`; the argument stands behind the colon of a name."""

    hint = ""  # for a human who holds the device: one line that says how to drive
    record_button = ""  # what it is called, where there is one

    def __init__(self, clock: Optional[Clock] = None, argument: str = "") -> None:
        self._clock = clock or MonotonicClock()
        self._argument = argument

    def poll(self) -> Pilot:
        """The pilot's wishes now; never blocks. `t_s` is the time the device was last heard from."""
        raise NotImplementedError


TELEOPS = Registry(
    "teleop",
    {
        "auto": "jetracer.teleop.auto:AutoTeleop",
        "gamepad": "jetracer.teleop.gamepad:GamepadTeleop",
        "keyboard": "jetracer.teleop.keyboard:KeyboardTeleop",
        "null": "jetracer.teleop.null:NullTeleop",
        "script": "jetracer.teleop.script:ScriptTeleop",
    },
)

BY_HAND = ("gamepad", "keyboard")


def make_teleop(spec: str, clock: Optional[Clock] = None) -> Teleop:
    """The teleop named by `spec` ("auto", "script:laps/start.txt"), not yet open. Raises UnknownName."""
    name, _, argument = spec.partition(":")
    return TELEOPS.create(name, clock, argument)
