"""Steering straight from the aim in the image, as NVIDIA's JetRacer and JetBot notebooks do. No metres."""
from __future__ import annotations

import math
from typing import Optional

from jetracer.camera.geometry import CameraModel
from jetracer.control.base import Coast, Controller, usable
from jetracer.control.config import AimConfig, ControlConfig
from jetracer.control.motion import Motion
from jetracer.control.speed import SpeedPlanner
from jetracer.core.bounds import clip
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.types import Aim, Command, Scene


class AimSteering:
    """P and D on the aim. `steering` is in [-1, 1] for every finite aim."""

    def __init__(self, config: AimConfig) -> None:
        self._config = config
        self._last: Optional[float] = None

    def reset(self) -> None:
        self._last = None

    def steering(self, aim: Aim, dt_s: float) -> float:
        """`dt_s` since the last call: JetBot's kd counts per frame, so it is scaled to 30 frames a second."""
        config = self._config
        error = aim.x if config.error == "x" else math.atan2(aim.x, (0.5 - aim.y) / 2.0)
        change = 0.0 if self._last is None or dt_s <= 0.0 else (error - self._last) / (30.0 * dt_s)
        self._last = error
        return clip(config.gain * error + config.damping * change + config.bias)


class AimPD(Controller):
    """NVIDIA's steering; the throttle comes from the planner, by the bend that the steering itself makes."""

    def __init__(self, config: Optional[ControlConfig] = None, camera: Optional[CameraModel] = None,
                 clock: Optional[Clock] = None) -> None:
        del camera  # pixels are enough
        self.config = config = config or ControlConfig()
        self._clock = clock or MonotonicClock()
        self._aim = AimSteering(config.aim)
        self._coast = Coast(config.fade_s)
        self._motion = Motion(config.car)
        self._planner = SpeedPlanner(config.speed, config.car.motor)

    def decide(self, scene: Scene, dt_s: float) -> Command:
        if not usable(scene, self.config.speed.confidence_floor):
            self._aim.reset()
            return self._coast.command(dt_s)
        car = self.config.car
        steering = self._aim.steering(scene.aim, dt_s)
        self._coast.remember(steering)
        plan_mps = self._planner.plan_mps(car.curvature(steering * car.max_steer_rad), scene.confidence, dt_s)
        return Command(steering, self._planner.throttle(plan_mps, self._motion.state(self._clock.now_s())[1]))

    def sent(self, command: Command, t_s: float) -> None:
        self._motion.sent(command, t_s)

    def reset(self) -> None:
        self._aim.reset()
        self._motion.reset()
        self._planner.reset()
        self._coast.remember(0.0)
