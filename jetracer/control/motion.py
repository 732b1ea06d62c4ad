"""Where the car went since a picture was taken, by dead reckoning from what was really sent to it.

A picture is 30 to 200 ms old when its command takes effect; at 1.5 m/s that is up to 0.3 m. Aiming from
where the camera was makes the car weave; aiming from where the car will be does not.
Kinematic bicycle about the rear axle: x' = v cos(yaw), y' = v sin(yaw), yaw' = v tan(delta) / wheelbase, with
the tyres' steady slip put in: 1 degree at 1 m/s^2 across. Without it the car drives bends too wide.
"""
from __future__ import annotations

import math
from bisect import bisect_right
from typing import List, Optional, Tuple

from jetracer.car.model import CarModel
from jetracer.core.bounds import clip
from jetracer.core.types import Command

Knot = Tuple[float, float, float, float, float]  # t_s, wheel angle, speed, wheel angle asked for, throttle


class Motion:
    """A short memory of commands, and the car's angle, speed and way that follow from them."""

    STEP_S = 0.01

    def __init__(self, car: Optional[CarModel] = None, memory_s: float = 1.0) -> None:
        self.car = car or CarModel()
        self._memory_s = memory_s
        self.reset()

    def reset(self) -> None:
        """Standing still with the wheels straight."""
        self._knots: List[Knot] = []
        self._times: List[float] = []

    def sent(self, command: Command, t_s: float) -> None:
        """`command` went to the motors at `t_s` [s, monotonic]; it takes effect `actuator_delay_s` later."""
        t_s += self.car.actuator_delay_s
        if self._times:
            t_s = max(t_s, self._times[-1])
        steer_rad, speed_mps = self.state(t_s)
        goal_rad = -clip(command.steering) * self.car.max_steer_rad
        self._times.append(t_s)
        self._knots.append((t_s, steer_rad, speed_mps, goal_rad, clip(command.throttle)))
        while self._times[0] < t_s - self._memory_s:
            del self._times[0], self._knots[0]

    def state(self, t_s: float) -> Tuple[float, float]:
        """Front wheel angle [rad, left +] and speed [m/s] at `t_s`, also ahead of the last command."""
        if not self._knots:
            return 0.0, 0.0
        return self._after(self._knots[max(0, bisect_right(self._times, t_s) - 1)], t_s)

    def way(self, from_s: float, to_s: float) -> Tuple[float, float, float]:
        """Pose (x, y, yaw) of the rear axle at `to_s` in its own frame at `from_s` [m, rad]."""
        x = y = yaw = 0.0
        steps = max(1, math.ceil((to_s - from_s) / self.STEP_S)) if to_s > from_s and self._knots else 0
        for step in range(steps):
            dt_s = (to_s - from_s) / steps
            steer_rad, speed_mps = self.state(from_s + (step + 0.5) * dt_s)
            turn = speed_mps * self.car.curvature(steer_rad, speed_mps) * dt_s
            course = yaw + 0.5 * turn - self.car.drift_rad(steer_rad, speed_mps)
            x += speed_mps * dt_s * math.cos(course)
            y += speed_mps * dt_s * math.sin(course)
            yaw += turn
        return x, y, yaw

    def _after(self, knot: Knot, t_s: float) -> Tuple[float, float]:
        start_s, steer_rad, speed_mps, goal_rad, throttle = knot
        dt_s = max(0.0, t_s - start_s)
        reach = self.car.steer_rate_rps * dt_s
        steer_rad += clip(goal_rad - steer_rad, -reach, reach)
        return steer_rad, self.car.motor.after(speed_mps, throttle, dt_s)


def seen_from(pose: Tuple[float, float, float], x: float, y: float) -> Tuple[float, float]:
    """A point of the old vehicle frame, in the frame of `pose` (x, y, yaw) within it."""
    dx, dy = x - pose[0], y - pose[1]
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    return cos * dx + sin * dy, cos * dy - sin * dx
