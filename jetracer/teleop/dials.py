"""What a human sets while driving, whatever device he holds: mode, throttle limit, steering trim, recording."""
from __future__ import annotations

from jetracer.core.types import MANUAL, MODES, Command

LIMIT_STEP, LIMIT_LOW = 0.1, 0.1
TRIM_STEP, TRIM_MOST = 0.02, 0.3


class Dials:
    """Starts in manual mode with half throttle; keeps what was set while a device is away.

    Limit and trim act on the human's own commands; the network's have the guard's limits and the car's calibration.
    """

    def __init__(self) -> None:
        self.mode = MANUAL
        self.limit = 0.5  # share of full throttle that a full stick gives
        self.trim = 0.0  # added to the steering
        self.record = False

    def next_mode(self) -> None:
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def turn_limit(self, steps: int) -> None:
        self.limit = min(1.0, max(LIMIT_LOW, round(self.limit + steps * LIMIT_STEP, 2)))

    def turn_trim(self, steps: int) -> None:
        self.trim = min(TRIM_MOST, max(-TRIM_MOST, round(self.trim + steps * TRIM_STEP, 2)))

    def command(self, steering: float, throttle: float) -> Command:
        """The human's command from where his sticks are, each in [-1, 1]."""
        return Command(min(1.0, max(-1.0, steering + self.trim)), throttle * self.limit)


def shaped(value: float, dead_zone: float = 0.08, expo: float = 0.3) -> float:
    """A stick's place in [-1, 1] as a command: nothing inside the dead zone, fine near the middle, full at the end."""
    reach = (abs(value) - dead_zone) / (1.0 - dead_zone)
    if not reach > 0.0:
        return 0.0
    reach = min(1.0, reach)
    reach = (1.0 - expo) * reach + expo * reach ** 3
    return reach if value > 0.0 else -reach
