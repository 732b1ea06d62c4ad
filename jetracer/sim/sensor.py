"""The simulated image sensor: when it exposes, and what becomes of the picture on its way."""
from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Optional

from jetracer.core.errors import ConfigError
from jetracer.sim.world import Shot, World


@dataclass(frozen=True)
class Delivery:
    """How regularly pictures come: real cameras drop some, repeat some and are late at times."""

    jitter_s: float = 0.0  # standard deviation of the moment of exposure
    drop: float = 0.0  # probability that a picture is lost
    repeat: float = 0.0  # probability that the picture before comes once more in its place

    def __post_init__(self) -> None:
        if self.jitter_s < 0 or not (0 <= self.drop < 1 and 0 <= self.repeat < 1):
            raise ConfigError(f"{self} makes no sense: jitter_s is 0 or more, probabilities are below 1.")


class Sensor:
    """Exposes the world at `fps` and develops what it exposed.

    The camera faults of the world happen here: lost, black, frozen. The world is to be advanced to
    `due_s`, then `expose` called; `develop` may follow later or never, so that pictures nobody reads are
    not drawn.
    """

    def __init__(
        self, world: World, fps: float = 30.0, delivery: Optional[Delivery] = None, seed: int = 0
    ) -> None:
        if not 0 < fps <= 1000:
            raise ConfigError(f"A camera of {fps} frames per second makes no sense; choose one like 30.")
        self.world = world
        self.period_s = 1.0 / fps
        self._delivery = delivery or Delivery()
        self._random = random.Random(seed)
        self._planned_s = self.due_s = world.t_s
        self._picture: Any = None

    def expose(self) -> Optional[Shot]:
        """The shot for now, or None when this picture is lost. Sets the next `due_s`; what was missed is
        skipped."""
        now_s = self.world.t_s
        missed = max(0, int((now_s - self._planned_s) / self.period_s))
        self._planned_s += (1 + missed) * self.period_s
        jitter_s = self._random.gauss(0.0, self._delivery.jitter_s) if self._delivery.jitter_s else 0.0
        self.due_s = self._planned_s + max(-0.4 * self.period_s, min(0.4 * self.period_s, jitter_s))
        if self._active("lost", now_s) or self._random.random() < self._delivery.drop:
            return None
        return self.world.shot()

    def develop(self, shot: Shot) -> Any:
        """The picture of `shot`, (H, W, 3) uint8 BGR; the one before once more when repeated or frozen."""
        if self._active("black", shot.t_s):
            lens = self.world.camera.lens
            return _black(lens.height, lens.width)
        stuck = self._active("frozen", shot.t_s) or self._random.random() < self._delivery.repeat
        if self._picture is None or not stuck:
            self._picture = self.world.render(shot)
        return self._picture

    def _active(self, fault: str, t_s: float) -> bool:
        return self.world.faults.active(fault, t_s - self.world.start_s)


def _black(height: int, width: int) -> Any:
    import numpy as np

    return np.zeros((height, width, 3), np.uint8)
