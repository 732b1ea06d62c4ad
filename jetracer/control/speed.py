"""How fast to drive, and which throttle gives that speed on a car that cannot measure it."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

from jetracer.car.model import MotorCurve
from jetracer.core.bounds import clip


@dataclass(frozen=True)
class SpeedConfig:
    max_speed_mps: float = 1.5
    min_speed_mps: float = 0.7  # in the tightest bend with full confidence
    lateral_mps2: float = 1.8  # acceleration sideways that the planner allows
    gain_mps2: float = 1.5  # how quickly the plan may become faster; slower works at once
    feedback: float = 1.0  # extra m/s asked for per m/s that the estimated speed lacks
    confidence_floor: float = 0.25  # at and below: no throttle
    confidence_full: float = 0.75  # at and above: full plan


class SpeedPlanner:
    """v = sqrt(a_lat / |curvature|) within limits, scaled by confidence."""

    def __init__(self, config: Optional[SpeedConfig] = None, curve: Optional[MotorCurve] = None) -> None:
        self.config, self.curve = config or SpeedConfig(), curve or MotorCurve()
        self._plan_mps = 0.0

    def reset(self) -> None:
        self._plan_mps = 0.0

    def plan_mps(self, curvature: float, confidence: float, dt_s: float) -> float:
        """Speed to drive at for a path of `curvature` [1/m]; rises by at most `gain_mps2`, falls at once."""
        config = self.config
        bend_mps = math.sqrt(config.lateral_mps2 / max(abs(curvature), 1e-6))
        wanted_mps = self.trust(confidence) * clip(bend_mps, config.min_speed_mps, config.max_speed_mps)
        # A car that stands, or has been sent elsewhere, starts from the slowest plan, not from zero.
        risen_mps = max(self._plan_mps, config.min_speed_mps) + config.gain_mps2 * max(dt_s, 0.0)
        self._plan_mps = min(wanted_mps, risen_mps)
        return self._plan_mps

    def trust(self, confidence: float) -> float:
        """0 at the floor, 1 from `confidence_full` on, a straight line between."""
        floor = self.config.confidence_floor
        return clip((confidence - floor) / (self.config.confidence_full - floor), 0.0)

    def throttle(self, plan_mps: float, speed_mps: float) -> float:
        """Throttle in [0, 1] that brings the estimated `speed_mps` to the plan; never brakes, drag does."""
        if plan_mps <= 0.0:
            return 0.0
        return self.curve.throttle(plan_mps + self.config.feedback * (plan_mps - speed_mps))
