"""The gamepad: found, readable, and of a known layout."""
from __future__ import annotations

import re
from typing import List, NamedTuple

from jetracer.doctor.base import Check, Host, fail, ok, skip, warn
from jetracer.teleop.finder import PadSearch

_JOYSTICK, _GAMEPAD_END = 0x120, 0x13F  # linux/input-event-codes.h: buttons that only joysticks and pads have


class Input(NamedTuple):
    """An input device, as /proc/bus/input/devices tells everybody."""

    name: str
    event: str  # event5; empty without
    joystick: str  # js0; empty without


def gamepad(host: Host) -> Check:
    pads = [device for device in _pads(host) if device.joystick or device.event]
    wanted, _, path = host.config.teleop.partition(":")
    if not pads:
        if wanted == "gamepad":
            return fail("gamepad", "none is connected", "switch it on, or: jetracer drive --teleop keyboard")
        return skip("gamepad", "none is connected", "jetracer drive --teleop keyboard")
    pad = pads[0]
    device = f"/dev/input/{pad.event}"
    if not pad.event or not host.there(device):
        return fail("gamepad", f"{pad.name} has no event device, only {pad.joystick}", "sudo modprobe evdev")
    search = PadSearch(str(host.path("/dev/input")), str(host.path(path)) if path else "", host.ask)
    if not host.may_use(host.path(device)):
        return fail("gamepad", f"{pad.name}: no permission on {device}", host.join_group("input"))
    found = search()
    if found is None:
        return warn("gamepad", f"the layout of {pad.name} is not known", "jetracer drive --teleop keyboard")
    found.device.close()
    return ok("gamepad", f"{pad.name} ({found.profile.name})")


def _pads(host: Host) -> List[Input]:
    found = []
    for block in host.text("/proc/bus/input/devices").split("\n\n"):
        name = re.search(r'^N: Name="(.*)"', block, re.M)
        handlers = re.search(r"^H: Handlers=(.*)", block, re.M)
        keys = re.search(r"^B: KEY=(.*)", block, re.M)
        if name and handlers and keys and _is_pad(keys.group(1)):
            words = handlers.group(1).split()
            found.append(Input(name.group(1), *(
                next((word for word in words if re.fullmatch(rf"{kind}\d+", word)), "") for kind in ("event", "js"))))
    return found


def _is_pad(keys: str) -> bool:
    """`keys` is the mask of its buttons, in words of 64 bits, the highest first."""
    mask = 0
    for word in keys.split():
        mask = mask << 64 | int(word, 16)
    return bool(mask >> _JOYSTICK & (1 << (_GAMEPAD_END - _JOYSTICK)) - 1)


CHECKS = (gamepad,)
