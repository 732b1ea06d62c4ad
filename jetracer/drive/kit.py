"""Which kit a drive takes when none is given: what the bus shows, and nothing where it cannot tell."""
from __future__ import annotations

from contextlib import suppress
from typing import Callable

from jetracer.car.base import CarConfig
from jetracer.car.detect import kit_on
from jetracer.core.errors import GuardError
from jetracer.core.i2c import which_bus
from jetracer.drive.config import DriveConfig
from jetracer.safety.start import join_guard


def kit_of(config: DriveConfig, say: Callable[[str], None]) -> str:
    """The kit that the chips on the bus show; empty where the car is known without: simulated, wired by options, or
    owned by a guard that runs. The gains of another kit may steer the wrong way, so that nothing is guessed.

    Raises ConfigError where the bus cannot tell, BusError where there is none or no car on it.
    """
    if config.sim or config.service or config.car != CarConfig() or config.bus.startswith("sim:"):
        return ""
    with suppress(GuardError), join_guard(config.guard.socket):
        return ""
    name = kit_on(config.bus)
    say(f"the chips on bus {which_bus(config.bus)} are the kit {name}")
    return name
