"""Pure pursuit in metres: drive the arc from where the car will be to the point that the network chose.

The arc itself is `car/model.py`: CarModel.curvature_to.
"""
from __future__ import annotations

import math
from typing import Optional, Tuple

from jetracer.camera.geometry import CameraModel
from jetracer.control.aim import AimSteering
from jetracer.control.base import Coast, Controller, usable
from jetracer.control.config import ControlConfig
from jetracer.control.motion import Motion, seen_from
from jetracer.control.speed import SpeedPlanner
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.types import Aim, Command, Scene


class PurePursuit(Controller):
    """Needs the camera's geometry, and the loop's clock to know how old a frame is when it decides."""

    needs_camera = True

    def __init__(self, config: Optional[ControlConfig], camera: CameraModel, clock: Optional[Clock] = None) -> None:
        self.config = config = config or ControlConfig()
        self._camera = camera
        self._clock = clock or MonotonicClock()
        self._motion = Motion(config.car)
        self._planner = SpeedPlanner(config.speed, config.car.motor)
        self._coast = Coast(config.fade_s)
        self._fallback = AimSteering(config.aim)

    def decide(self, scene: Scene, dt_s: float) -> Command:
        if not usable(scene, self.config.speed.confidence_floor):
            self._fallback.reset()
            return self._coast.command(dt_s)
        effect_s = self._clock.now_s() + self.config.car.actuator_delay_s
        curvature = self._curvature(scene, effect_s, self._fallback.steering(scene.aim, dt_s))
        speed_mps = self._motion.state(effect_s)[1]
        steering = self.config.car.steering(curvature, speed_mps)
        self._coast.remember(steering)
        plan_mps = self._planner.plan_mps(curvature, scene.confidence, dt_s)
        return Command(steering, self._planner.throttle(plan_mps, speed_mps))

    def sent(self, command: Command, t_s: float) -> None:
        self._motion.sent(command, t_s)

    def reset(self) -> None:
        self._motion.reset()
        self._planner.reset()
        self._fallback.reset()
        self._coast.remember(0.0)

    def _curvature(self, scene: Scene, effect_s: float, fallback: float) -> float:
        """Curvature [1/m, left +] from `effect_s` on; `fallback` is the steering for an aim off the floor."""
        car, point = self.config.car, self._floor_point(scene.aim)
        if point is None:
            return car.curvature(-fallback * car.max_steer_rad)
        seen_s = max(scene.t_s, effect_s - self.config.arc.latency_max_s)
        x, y, yaw = self._motion.way(seen_s, effect_s)
        drift_rad = car.drift_rad(*self._motion.state(effect_s))
        x, y = seen_from((x, y, yaw - drift_rad), *point)
        return car.curvature_to(x, y, drift_rad, self.config.arc.nearest_m)

    def _floor_point(self, aim: Aim) -> Optional[Tuple[float, float]]:
        point = self._camera.ground_from_aim(aim)
        if point is None or not math.hypot(*point) <= self.config.arc.farthest_m:
            return None
        return point
