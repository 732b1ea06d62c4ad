"""A pilot who arms the car once and lets it drive itself: for the simulated car and for tests."""
from __future__ import annotations

from jetracer.core.types import AUTOMATIC, Pilot
from jetracer.teleop.base import Teleop


class AutoTeleop(Teleop):
    """Automatic mode with the deadman held, and the arming button pressed from the second poll on.

    The guard counts a press only when the button was let go since the last stop: a stopped car stays stopped.
    """

    _polled = False

    def open(self) -> None:
        self._polled = False

    def poll(self) -> Pilot:
        arm, self._polled = self._polled, True
        return Pilot(deadman=True, mode=AUTOMATIC, arm=arm, t_s=self._clock.now_s())
