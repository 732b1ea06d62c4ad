"""A car without motors: remembers what it was told."""
from __future__ import annotations

from typing import Any, Optional

from jetracer.car.base import Car, CarConfig
from jetracer.core.types import NEUTRAL, Command


class NullCar(Car):
    """Obeys every command and moves nothing; `sent` is the newest one, `count` how many there were."""

    def __init__(self, bus: Optional[Any] = None, config: Optional[CarConfig] = None) -> None:
        self.sent = NEUTRAL
        self.count = 0

    def open(self) -> None:
        self.sent = NEUTRAL

    def apply(self, command: Command) -> Command:
        self.sent = command
        self.count += 1
        return command

    def close(self) -> None:
        self.sent = NEUTRAL
