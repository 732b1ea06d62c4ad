"""How the car moves: the single-track (ST) model of CommonRoad with the parameters of an F1TENTH 1/10 car.

Source: M. Althoff, G. Wuersching, CommonRoad: Vehicle Models (2020a), chapter 7 (ST) and 5 (kinematic);
parameters as in f1tenth_gym. The lateral forces are written per axle, F = mu * C_S * F_z * slip, which is
the same formula, and end at mu * F_z: a sliding tyre gives no more than its friction. Below 0.5 m/s and
in reverse, where the tyre terms divide by the speed, the wheels roll without slip (kinematic).
"""
from __future__ import annotations

from dataclasses import dataclass
from math import atan, cos, sin, tan
from typing import Tuple

GRAVITY_MPS2 = 9.81
KINEMATIC_BELOW_MPS = 0.5

Turn = Tuple[float, float, float]  # yaw, yaw rate, slip
Slopes = Tuple[float, float, float, float, float]  # of x, y, yaw, yaw rate, slip


@dataclass(frozen=True)
class Chassis:
    """What the dynamics need to know about the car: F1TENTH's numbers."""

    friction: float = 1.0489  # mu
    stiffness_front: float = 4.718  # C_Sf, 1/rad
    stiffness_rear: float = 5.4562  # C_Sr, 1/rad
    cg_to_front_m: float = 0.15875  # l_f
    cg_to_rear_m: float = 0.17145  # l_r
    cg_height_m: float = 0.074
    mass_kg: float = 3.74
    inertia_kgm2: float = 0.04712  # about the vertical axis
    width_m: float = 0.31
    length_m: float = 0.58
    max_accel_mps2: float = 9.51
    max_steering_rad: float = 0.4189
    max_steering_rate_rps: float = 3.2

    @property
    def wheelbase_m(self) -> float:
        return self.cg_to_front_m + self.cg_to_rear_m


class SingleTrack:
    """State of the motion. x_m, y_m are those of the centre of gravity (CG); `slip_rad` is the angle from
    the car's length axis to its velocity; steering is + to the left.

    One step is the explicit midpoint rule (RK2): the fastest mode of the tyres is about 230/s at 0.5 m/s
    and slower above, so a 2 ms step stays well inside its limit (|lambda| h < 2), at half the cost of
    RK4.
    """

    def __init__(self, chassis: Chassis = Chassis()) -> None:
        self.chassis = chassis
        self.place(0.0, 0.0, 0.0)
        self.steering_rad = 0.0
        self._weight = chassis.friction * chassis.mass_kg / chassis.wheelbase_m  # of mu * F_z, per axle

    def place(self, x_m: float, y_m: float, yaw_rad: float, speed_mps: float = 0.0) -> None:
        """Put the CG somewhere, rolling straight ahead."""
        self.x_m, self.y_m, self.yaw_rad = x_m, y_m, yaw_rad
        self.speed_mps, self.yaw_rate_rps, self.slip_rad = speed_mps, 0.0, 0.0

    def step(self, dt_s: float, steering_rate_rps: float, accel_mps2: float) -> None:
        """Move on by `dt_s` (2 ms; at most 5 ms) with constant steering rate and acceleration along the
        car."""
        half_s = 0.5 * dt_s
        speed = self.speed_mps + half_s * accel_mps2
        steering = self.steering_rad + half_s * steering_rate_rps
        rolling = min(speed, self.speed_mps) <= KINEMATIC_BELOW_MPS
        slopes = self._kinematic if rolling else self._dynamic
        turn = (self.yaw_rad, self.yaw_rate_rps, self.slip_rad)
        _, _, yaw_rate, yaw_accel, slip_rate = slopes(self.speed_mps, self.steering_rad, turn, accel_mps2)
        turn = (
            self.yaw_rad + half_s * yaw_rate,
            self.yaw_rate_rps + half_s * yaw_accel,
            self.slip_rad + half_s * slip_rate,
        )
        dx, dy, yaw_rate, yaw_accel, slip_rate = slopes(speed, steering, turn, accel_mps2)
        self.x_m += dt_s * dx
        self.y_m += dt_s * dy
        self.yaw_rad += dt_s * yaw_rate
        self.speed_mps += dt_s * accel_mps2
        self.steering_rad += dt_s * steering_rate_rps
        if rolling:
            self.yaw_rate_rps, self.slip_rad = self._rolling(self.speed_mps, self.steering_rad)
        else:
            self.yaw_rate_rps += dt_s * yaw_accel
            self.slip_rad += dt_s * slip_rate

    def _rolling(self, speed: float, steering: float) -> Tuple[float, float]:
        """Yaw rate and slip of wheels that roll where they point."""
        curvature = tan(steering) / self.chassis.wheelbase_m
        slip = atan(self.chassis.cg_to_rear_m * curvature)
        return speed * cos(slip) * curvature, slip

    def _kinematic(self, speed: float, steering: float, turn: Turn, accel: float) -> Slopes:
        yaw_rate, slip = self._rolling(speed, steering)
        course = turn[0] + slip
        return speed * cos(course), speed * sin(course), yaw_rate, 0.0, 0.0

    def _dynamic(self, speed: float, steering: float, turn: Turn, accel: float) -> Slopes:
        yaw, yaw_rate, slip = turn
        chassis = self.chassis
        front, rear = chassis.cg_to_front_m, chassis.cg_to_rear_m
        shift = accel * chassis.cg_height_m
        pull_front = chassis.stiffness_front * (steering - slip - front * yaw_rate / speed)
        pull_rear = chassis.stiffness_rear * (rear * yaw_rate / speed - slip)
        force_front = self._weight * (GRAVITY_MPS2 * rear - shift) * min(1.0, max(-1.0, pull_front))
        force_rear = self._weight * (GRAVITY_MPS2 * front + shift) * min(1.0, max(-1.0, pull_rear))
        return (
            speed * cos(yaw + slip),
            speed * sin(yaw + slip),
            yaw_rate,
            (front * force_front - rear * force_rear) / chassis.inertia_kgm2,
            (force_front + force_rear) / (chassis.mass_kg * speed) - yaw_rate,
        )
