"""What a human sets while driving, whatever device he holds: mode, throttle limit, steering trim, recording."""
from __future__ import annotations

from typing import Any, Tuple

from jetracer.core.types import ASSISTED, MANUAL, MODES, Command, Pilot

LIMIT_STEP, LIMIT_LOW = 0.1, 0.1
TRIM_STEP, TRIM_MOST = 0.02, 0.3
TOUCHED = 0.1  # a stick moved so far, as a command, takes over; a worn one at rest does not get there


class Dials:
    """Starts in manual mode with half throttle; keeps what was set while a device is away."""

    def __init__(self) -> None:
        self.mode = MANUAL
        self.limit = 0.5  # share of full throttle that a full stick gives, and the most that the network gets
        self.trim = 0.0  # added to the steering
        self.record = False
        self._held: Tuple[bool, bool] = (False, False)

    def next_mode(self) -> None:
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def turn_limit(self, steps: int) -> None:
        self.limit = min(1.0, max(LIMIT_LOW, round(self.limit + steps * LIMIT_STEP, 2)))

    def turn_trim(self, steps: int) -> None:
        self.trim = min(TRIM_MOST, max(-TRIM_MOST, round(self.trim + steps * TRIM_STEP, 2)))

    def command(self, steering: float, throttle: float) -> Command:
        """The human's command from where his sticks are, each in [-1, 1].

        Who takes hold of what the network holds has the car at once, in manual mode. A stick that was held already
        when the mode was chosen does not count: he may hand over while driving.
        """
        before, self._held = self._held, (abs(steering) >= TOUCHED, abs(throttle) >= TOUCHED)
        steers, drives = (now and not earlier for now, earlier in zip(self._held, before))
        if steers or (drives and self.mode != ASSISTED):
            self.mode = MANUAL
        return Command(steering, throttle * self.limit)

    def pilot(self, t_s: float, **wishes: Any) -> Pilot:
        """A Pilot with the dials as they are, and the other `wishes`."""
        return Pilot(mode=self.mode, t_s=t_s, record=self.record, trim=self.trim, limit=self.limit, **wishes)


def shaped(value: float, dead_zone: float = 0.08, expo: float = 0.3) -> float:
    """A stick's place in [-1, 1] as a command: nothing inside the dead zone, fine near the middle, full at the end."""
    reach = (abs(value) - dead_zone) / (1.0 - dead_zone)
    if not reach > 0.0:
        return 0.0
    reach = min(1.0, reach)
    reach = (1.0 - expo) * reach + expo * reach ** 3
    return reach if value > 0.0 else -reach
