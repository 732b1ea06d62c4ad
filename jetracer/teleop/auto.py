"""A pilot who arms the car once and lets it drive itself: for the simulated car and for tests."""
from __future__ import annotations

from typing import Optional

from jetracer.core.types import AUTOMATIC, Pilot
from jetracer.teleop.base import Teleop

ARM_FOR_S = 1.0  # long enough for the first frames to arrive, short enough that a later stop stays latched


class AutoTeleop(Teleop):
    """Automatic mode with the deadman held; the arm gesture lasts one second from the first poll after `open`."""

    _first_s: Optional[float] = None

    def open(self) -> None:
        self._first_s = None

    def poll(self) -> Pilot:
        now_s = self._clock.now_s()
        if self._first_s is None:
            self._first_s = now_s
        return Pilot(deadman=True, mode=AUTOMATIC, arm=now_s - self._first_s < ARM_FOR_S, t_s=now_s)
