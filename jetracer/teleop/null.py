"""Nobody at the wheel: asks for nothing and never arms the car."""
from __future__ import annotations

from jetracer.core.types import Pilot
from jetracer.teleop.base import Teleop


class NullTeleop(Teleop):
    def poll(self) -> Pilot:
        return Pilot(t_s=self._clock.now_s())
