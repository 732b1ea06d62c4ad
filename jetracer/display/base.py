"""Displays: one verb, `show`, for a picture of lit and dark pixels."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Tuple

from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.device import Device
from jetracer.core.errors import ConfigError
from jetracer.core.i2c import AUTO, which_bus
from jetracer.core.registry import Registry

if TYPE_CHECKING:
    import numpy as np

SIZES = {"128x32": (128, 32), "128x64": (128, 64), "64x48": (64, 48)}


@dataclass(frozen=True)
class DisplayConfig:
    """Which display. None is needed; one that is absent or falls off is looked for again now and then."""

    name: str = ""  # ssd1306, null (none); empty: ssd1306 on a real car, else null
    bus: str = ""  # I2C bus, 1 for /dev/i2c-1; empty: the motors'
    address: int = 0  # 0x3c or 0x3d; 0: whichever answers
    size: str = ""  # 128x32, 128x64, 64x48; empty: 128x32 at 0x3c, 64x48 at 0x3d, as the kits have them

    def __post_init__(self) -> None:
        if self.size and self.size not in SIZES:
            raise ConfigError(f"A display of {self.size!r} pixels is not known; choose one of: {', '.join(SIZES)}.")
        if self.address not in (0, 0x3C, 0x3D):
            raise ConfigError(f"An SSD1306 has the address 60 (0x3c) or 61 (0x3d), not {self.address}.")


class Display(Device):
    """Built as `Backend(config, bus, clock)`, `bus` being the name of one."""

    def __init__(self, config: Optional[DisplayConfig] = None, bus: str = AUTO, clock: Optional[Clock] = None) -> None:
        self._config = config or DisplayConfig()
        self.bus_name = which_bus(self._config.bus or bus)
        self._clock = clock or MonotonicClock()

    @property
    def size(self) -> Tuple[int, int]:
        """Width and height in pixels; known once it is open."""
        raise NotImplementedError

    def show(self, image: np.ndarray) -> None:
        """Show an image, (height, width) bool, True = lit; it stays after `close`. Raises OSError."""
        raise NotImplementedError


DISPLAYS = Registry("display", {
    "null": "jetracer.display.null:NullDisplay",
    "ssd1306": "jetracer.display.ssd1306:Ssd1306",
})


def make_display(config: DisplayConfig, bus: str = AUTO, clock: Optional[Clock] = None) -> Display:
    """The display that `config` names, not yet open. Raises UnknownName."""
    return DISPLAYS.create(config.name or "null", config, bus, clock)
