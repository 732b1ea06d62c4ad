"""The car as arithmetic: how it bends, how fast it gets, and the arc that leads to a point of the floor.

Vehicle frame: origin below the middle of the rear axle, x forward, y left. The defaults describe the simulated
car (F1TENTH numbers); time a real one over a metre at two throttles.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Tuple

from jetracer.core.bounds import clip

# What the road network is trained to point at: the centre line's point at this straight-line distance from
# the rear axle. Nearer follows the line closer; farther keeps more aims in the picture. At 0.7 m an aim
# leaves the simulated car's picture at a bearing of 38 degrees; from 26 on the steering is at its stop.
LOOKAHEAD_M = 0.7


@dataclass(frozen=True)
class MotorCurve:
    """Steady speed over throttle: nothing inside the dead band, then a straight line to the top speed."""

    top_speed_mps: float = 6.0
    dead_band: float = 0.05  # throttle, 0..1
    time_constant_s: float = 0.4  # of the first-order way to the steady speed

    def speed_mps(self, throttle: float) -> float:
        """Steady speed of a throttle in [-1, 1]; negative backwards."""
        size = max(0.0, abs(throttle) - self.dead_band) / (1.0 - self.dead_band)
        return math.copysign(size * self.top_speed_mps, throttle)

    def throttle(self, speed_mps: float) -> float:
        """The throttle in [0, 1] that holds `speed_mps`; 0 for a standing car, never backwards."""
        if not speed_mps > 0.0:
            return 0.0
        return min(1.0, self.dead_band + (1.0 - self.dead_band) * speed_mps / self.top_speed_mps)

    def after(self, speed_mps: float, throttle: float, dt_s: float) -> float:
        """Speed after `dt_s` of a constant throttle."""
        goal_mps = self.speed_mps(throttle)
        return goal_mps + (speed_mps - goal_mps) * math.exp(-dt_s / self.time_constant_s)


@dataclass(frozen=True)
class CarModel:
    """The car as controller and labels believe it to be: a bicycle about its rear axle, with the tyres' steady slip."""

    wheelbase_m: float = 0.33
    centre_m: float = 0.17145  # from the rear axle forward to the point that shall stay on the line
    max_steer_rad: float = 0.4189
    steer_rate_rps: float = 3.2
    actuator_delay_s: float = 0.02  # from the register to the wheels, and what the time stamps of pictures leave out
    rear_slip: float = 0.0178  # rad per m/s^2 across: 1 / (mu g C_Sr) of the single-track model; 0 = no slip
    understeer: float = 0.0028  # rad per m/s^2 across: front slip less rear slip
    motor: MotorCurve = field(default_factory=MotorCurve)

    def curvature(self, steer_rad: float, speed_mps: float = 0.0) -> float:
        """Curvature [1/m, left +] of the path at a front wheel angle (left +)."""
        return math.tan(steer_rad) / (self.wheelbase_m + self.understeer * speed_mps ** 2)

    def steering(self, curvature: float, speed_mps: float = 0.0) -> float:
        """Steering command in [-1, 1] (+ right) for a curvature [1/m, left +]."""
        reach_m = self.wheelbase_m + self.understeer * speed_mps ** 2
        return clip(-math.atan(curvature * reach_m) / self.max_steer_rad)

    def drift_rad(self, steer_rad: float, speed_mps: float) -> float:
        """By how much the nose points farther into the bend than the rear axle moves (left +)."""
        across_mps2 = speed_mps ** 2 * self.curvature(steer_rad, speed_mps)
        return clip(self.rear_slip * across_mps2, -0.2, 0.2)

    def curvature_to(self, x_m: float, y_m: float, drift_rad: float = 0.0, nearest_m: float = 0.0) -> float:
        """Curvature [1/m, left +] of the arc to a point, x along the rear axle's own motion; no tighter than it can.

        Pure pursuit (R. C. Coulter, CMU-RI-TR-92-01): the arc from the rear axle to a point at distance L has
        curvature 2 y / L^2. Here a point `centre_m` ahead of the axle shall stay on the line: a circle that both
        it and the point lie on gives 2 (y - centre_m sin(drift)) / (L^2 - centre_m^2).
        """
        length2 = max(x_m * x_m + y_m * y_m, nearest_m ** 2) - self.centre_m ** 2
        tightest = self.curvature(self.max_steer_rad)
        return clip(2.0 * (y_m - self.centre_m * math.sin(drift_rad)) / length2, -tightest, tightest)

    def point_on(self, curvature: float, distance_m: float = LOOKAHEAD_M) -> Tuple[float, float]:
        """The floor point at straight-line `distance_m` to which `curvature_to` answers `curvature` (no drift)."""
        y_m = clip(0.5 * curvature * (distance_m ** 2 - self.centre_m ** 2), -distance_m, distance_m)
        return math.sqrt(distance_m ** 2 - y_m ** 2), y_m
