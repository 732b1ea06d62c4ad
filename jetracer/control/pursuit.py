"""Pure pursuit in metres: drive the arc that leads from where the car will be to the point the network chose.

R. C. Coulter, "Implementation of the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01: curvature = 2 y / L^2
for a point (x, y) at distance L from the rear axle. Here the point that shall run on the line lies `centre_m`
ahead of the rear axle, so a circle through the aim on which that point stays gives 2 y / (L^2 - centre_m^2).
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional, Tuple

from jetracer.camera.geometry import SIM_CAMERA, CameraModel
from jetracer.control.aim import AimConfig, AimSteering
from jetracer.control.base import Coast, Controller, clip, usable
from jetracer.control.motion import CarModel, Motion, seen_from
from jetracer.control.speed import SpeedConfig, SpeedPlanner
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.types import Aim, Command, Scene

# What the road network is trained to point at: the centre line's point at this straight-line distance from the rear
# axle. Beyond the picture's border the steering is at its stop anyway: full lock asks for a bearing of 28 degrees.
LOOKAHEAD_M = 0.7


@dataclass(frozen=True)
class PursuitConfig:
    car: CarModel = CarModel()
    speed: SpeedConfig = SpeedConfig()
    fallback: AimConfig = AimConfig()  # steers where the aim has no place on the floor
    farthest_m: float = 2.5  # an aim farther away is near the horizon: too uncertain for metres
    nearest_m: float = 0.35  # the arc is never made tighter than for an aim at this distance
    latency_max_s: float = 0.4  # an older frame is compensated for no more than this
    fade_s: float = 0.5  # time constant of the held steering when nothing is seen


class PurePursuit(Controller):
    """Needs the camera's geometry, and a clock to know how old a frame is when it decides."""

    def __init__(self, config: PursuitConfig = PursuitConfig(), camera: CameraModel = SIM_CAMERA,
                 clock: Optional[Clock] = None) -> None:
        self.config = config
        self._camera = camera
        self._clock = clock or MonotonicClock()
        self._motion = Motion(config.car)
        self._planner = SpeedPlanner(config.speed, config.car.motor)
        self._coast = Coast(config.fade_s)
        self._fallback = AimSteering(config.fallback)

    def decide(self, scene: Scene, dt_s: float) -> Command:
        if not usable(scene, self.config.speed.confidence_floor):
            self._fallback.reset()
            return self._coast.command(dt_s)
        car, effect_s = self.config.car, self._clock.now_s() + self.config.car.actuator_delay_s
        steering = self._fallback.steering(scene.aim, dt_s)
        point = self._floor_point(scene.aim)
        if point is None:
            curvature = car.curvature(-steering * car.max_steer_rad)
        else:
            seen_s = max(scene.t_s, effect_s - self.config.latency_max_s)
            curvature = self._arc(*seen_from(self._motion.way(seen_s, effect_s), *point))
            steering = car.steering(curvature)
        self._coast.remember(steering)
        plan_mps = self._planner.plan_mps(curvature, scene.confidence, dt_s)
        return Command(steering, self._planner.throttle(plan_mps, self._motion.state(effect_s)[1]))

    def sent(self, command: Command, t_s: float) -> None:
        self._motion.sent(command, t_s)

    def reset(self) -> None:
        self._motion.reset()
        self._planner.reset()
        self._fallback.reset()
        self._coast.remember(0.0)

    def _floor_point(self, aim: Aim) -> Optional[Tuple[float, float]]:
        point = self._camera.ground_from_aim(aim)
        if point is None or not math.isfinite(point[0] + point[1]) or math.hypot(*point) > self.config.farthest_m:
            return None
        return point

    def _arc(self, x_m: float, y_m: float) -> float:
        """Curvature [1/m, left +] of the arc to a point of the vehicle frame."""
        length2 = max(x_m * x_m + y_m * y_m, self.config.nearest_m ** 2) - self.config.car.centre_m ** 2
        tightest = self.config.car.curvature(self.config.car.max_steer_rad)
        return clip(2.0 * y_m / length2, -tightest, tightest)
