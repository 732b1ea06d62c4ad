"""The simulated car: pulses in, motion out."""
from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from math import cos, sin
from typing import Deque, Tuple

from jetracer.sim.actuators import Battery, BatteryConfig, Esc, EscConfig, Servo, ServoConfig
from jetracer.sim.single_track import Chassis, SingleTrack


@dataclass(frozen=True)
class VehicleConfig:
    chassis: Chassis = field(default_factory=Chassis)
    servo: ServoConfig = field(default_factory=ServoConfig)
    esc: EscConfig = field(default_factory=EscConfig)
    battery: BatteryConfig = field(default_factory=BatteryConfig)
    actuator_delay_s: float = 0.02  # a pulse ends up to one PWM period (20 ms at 50 Hz) after it was written
    lifted: bool = False  # on a stand: the wheels turn and the car stays where it is

    @classmethod
    def random(cls, seed: int, lifted: bool = False) -> VehicleConfig:
        """One of many cars as people build them: another trim, range and dead band, servo or motor reversed."""
        pick = random.Random(seed)
        forward, backward = pick.uniform(0.04, 0.1), pick.uniform(0.04, 0.1)
        servo = ServoConfig(1500.0 + pick.uniform(-60.0, 60.0), pick.choice((-1, 1)) * pick.uniform(320.0, 430.0))
        esc = EscConfig(
            1500.0 + 250.0 * min(forward, backward) * pick.uniform(-1.0, 1.0),  # 1500 us is neutral to it
            pick.choice((-1, 1)) * 500.0,
            pick.choice(("after_neutral", "after_neutral", "direct", "none")),
            dead_band=forward,
            reverse_dead_band=backward,
        )
        return cls(servo=servo, esc=esc, actuator_delay_s=pick.uniform(0.015, 0.06), lifted=lifted)


class Vehicle:
    """Servo, ESC, battery and chassis. Poses are those of the middle of the rear axle."""

    def __init__(self, config: VehicleConfig = VehicleConfig()) -> None:
        chassis = config.chassis
        self.config = config
        self.motion = SingleTrack(chassis)
        self.servo = Servo(chassis.max_steering_rad, chassis.max_steering_rate_rps, config.servo)
        self.esc = Esc(config.esc, chassis.max_accel_mps2)
        self.battery = Battery(config.battery)
        self._t_s = 0.0
        self._acting = self._newest = (0.0, 0.0)  # servo and ESC pulses, now at work and last seen
        self._coming: Deque[Tuple[float, Tuple[float, float]]] = deque()

    def place(self, x_m: float, y_m: float, yaw_rad: float, speed_mps: float = 0.0) -> None:
        """Put the rear axle somewhere, rolling straight ahead at `speed_mps`."""
        rear = self.config.chassis.cg_to_rear_m
        self.motion.place(x_m + rear * cos(yaw_rad), y_m + rear * sin(yaw_rad), yaw_rad, speed_mps)

    def step(self, dt_s: float, servo_us: float, esc_us: float) -> None:
        """Move on by `dt_s` (2 ms; at most 5 ms). A pulse of 0.0 means that there are none."""
        servo_us, esc_us = self._delayed(dt_s, (servo_us, esc_us))
        motion, speed_mps = self.motion, self.motion.speed_mps
        accel = self.esc.accel_mps2(esc_us, speed_mps, self.battery.supply, dt_s)
        self.battery.load(self.esc.driving, speed_mps, accel, dt_s)
        place = (motion.x_m, motion.y_m, motion.yaw_rad)
        motion.step(dt_s, self.servo.rate_rps(servo_us, motion.steering_rad, dt_s), accel)
        if self.config.lifted:
            motion.place(*place, motion.speed_mps)

    @property
    def pose(self) -> Tuple[float, float, float]:
        """(x_m, y_m, yaw_rad) of the rear axle."""
        motion, rear = self.motion, self.config.chassis.cg_to_rear_m
        yaw = motion.yaw_rad
        return motion.x_m - rear * cos(yaw), motion.y_m - rear * sin(yaw), yaw

    @property
    def cg(self) -> Tuple[float, float]:
        """(x_m, y_m) of the centre of gravity."""
        return self.motion.x_m, self.motion.y_m

    @property
    def speed_mps(self) -> float:
        return self.motion.speed_mps

    @property
    def yaw_rate_rps(self) -> float:
        return self.motion.yaw_rate_rps

    @property
    def steering_rad(self) -> float:
        """Angle of the front wheels, + left."""
        return self.motion.steering_rad

    def _delayed(self, dt_s: float, pulses: Tuple[float, float]) -> Tuple[float, float]:
        self._t_s += dt_s
        if pulses != self._newest:
            self._newest = pulses
            self._coming.append((self._t_s + self.config.actuator_delay_s, pulses))
        while self._coming and self._coming[0][0] <= self._t_s:
            self._acting = self._coming.popleft()[1]
        return self._acting
