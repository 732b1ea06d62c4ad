"""What one output of the car can be told, in whole steps: of a PCA9685's pulse, or of a motor's duty."""
from __future__ import annotations

from dataclasses import dataclass, replace

from jetracer.car.base import CarConfig
from jetracer.car.pca9685 import Pca9685
from jetracer.car.servo_esc import HALF_RANGE_US, MIDDLE_US
from jetracer.core.errors import ConfigError

DUTY_STEP = 0.005
# How far from neutral the wheels on the stand are driven, whatever else: 120 us, or half the motors' duty.
MOST = {"servo_esc": 0.16, "dc_motors": 0.5}


@dataclass(frozen=True)
class Scale:
    """Steps `low`..`high` around `middle`, where the car's kit has neutral. `size` is what a step is, in `unit`."""

    unit: str
    size: float
    low: int
    high: int
    middle: int
    offset: float = 0.0  # of the kit

    def amount(self, step: float) -> float:
        """Pulse in us, or duty."""
        return step * self.size

    def command(self, step: int) -> float:
        """The command in [-1, 1] for a car wired by `trial_car`."""
        return (self.amount(step) - MIDDLE_US) / HALF_RANGE_US - self.offset if self.unit == "us" else self.amount(step)

    def within(self, step: int) -> int:
        return min(self.high, max(self.low, step))

    def told(self, step: float) -> str:
        return f"{self.amount(step):.0f} us" if self.unit == "us" else f"duty {self.amount(step):+.3f}"


def trial_car(car: CarConfig) -> CarConfig:
    """The same wiring, neutral and limits with gains of 1, so that a command says which pulse it is."""
    if car.name not in MOST:
        raise ConfigError(f"A car of the kind {car.name!r} has nothing to calibrate; choose its kit with --kit NAME.")
    return replace(car, steering_gain=1.0, throttle_gain=1.0)


def steering_scale(car: CarConfig) -> Scale:
    return _pulses(car, car.steering_min_us, car.steering_max_us, car.steering_offset, 1.0)


def throttle_scale(car: CarConfig) -> Scale:
    most = MOST[car.name]
    if car.name == "dc_motors":
        return Scale("duty", DUTY_STEP, round(-most / DUTY_STEP), round(most / DUTY_STEP), 0)
    return _pulses(car, car.throttle_min_us, car.throttle_max_us, car.throttle_offset, most)


def _pulses(car: CarConfig, low_us: float, high_us: float, offset: float, most: float) -> Scale:
    """The chip's own steps within the kit's limits, and within `most` of neutral."""
    size_us = Pca9685(None, car.address, car.frequency_hz).step_us
    middle_us = MIDDLE_US + HALF_RANGE_US * offset
    low_us, high_us = max(low_us, middle_us - HALF_RANGE_US * most), min(high_us, middle_us + HALF_RANGE_US * most)
    return Scale("us", size_us, -int(-low_us // size_us), int(high_us // size_us), round(middle_us / size_us), offset)
