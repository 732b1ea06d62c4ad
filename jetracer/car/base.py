"""Cars: one verb, `apply`, which says what was really sent."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Optional

from jetracer.core.device import Device
from jetracer.core.errors import ConfigError
from jetracer.core.registry import Registry, unknown
from jetracer.core.types import NEUTRAL, Command


@dataclass(frozen=True)
class CarConfig:
    """Which car, how it is wired and trimmed. The formula is NVIDIA's, with 1500 us as the middle:

        pulse_us = 1500 + 750 * (value * gain + offset)

    then clipped to the channel's range. With the defaults +-1 are 2000 and 1000 us and a longer pulse steers
    right, as the simulated car is built; a car whose servo turns the other way has a negative steering_gain
    (NVIDIA's TT02: steering_gain -0.65, throttle_gain 0.8).
    """

    name: str = "servo_esc"  # servo_esc, dc_motors, null
    address: int = 0x40  # of the PCA9685
    frequency_hz: float = 50.0  # pulses per second
    steering_channel: int = 0  # 0..15
    throttle_channel: int = 1  # 0..15
    steering_gain: float = 2 / 3
    steering_offset: float = 0.0
    throttle_gain: float = 2 / 3
    throttle_offset: float = 0.0
    steering_min_us: float = 1000.0
    steering_max_us: float = 2000.0
    throttle_min_us: float = 1000.0
    throttle_max_us: float = 2000.0
    # What the ESC does on backward throttle while the car rolls forward: after_neutral (it brakes, and drives backwards
    # only after neutral), direct, none (it only brakes), unknown. For programs that want to back up; no driver looks.
    reverse: str = "unknown"
    settle_s: float = 0.5  # of neutral pulses that the ESC wants after power-on before it obeys
    motor_address: int = 0x60  # dc_motors only: of the PCA9685 that drives the motors
    motor_frequency_hz: float = 1600.0  # dc_motors only

    def __post_init__(self) -> None:
        _check(self)


def _check(config: CarConfig) -> None:
    channels = (config.steering_channel, config.throttle_channel)
    if not all(0 <= channel <= 15 for channel in channels) or channels[0] == channels[1]:
        raise ConfigError(f"Steering and throttle need two different channels in 0..15, not {channels}.")
    if not all(0x40 <= address <= 0x7F for address in (config.address, config.motor_address)):
        raise ConfigError(
            "A PCA9685 has an address in 0x40..0x7f, "
            f"not 0x{config.address:02x} or 0x{config.motor_address:02x}."
        )
    if not 24 <= config.motor_frequency_hz <= 1600:
        raise ConfigError(f"The PCA9685 drives motors at 24 to 1600 Hz, not {config.motor_frequency_hz}.")
    if not 40 <= config.frequency_hz <= 330:
        raise ConfigError(f"Servos want pulses at 40 to 330 Hz, not {config.frequency_hz}.")
    if config.reverse not in REVERSES:
        raise unknown("kind of reverse", config.reverse, REVERSES)
    for axis in ("steering", "throttle"):
        low_us, high_us = getattr(config, f"{axis}_min_us"), getattr(config, f"{axis}_max_us")
        if not 500 <= low_us < high_us <= 2500:
            raise ConfigError(f"{axis}_min_us, {axis}_max_us must rise in 500..2500: {low_us}, {high_us}.")
        if not all(math.isfinite(getattr(config, f"{axis}_{part}")) for part in ("gain", "offset")):
            raise ConfigError(f"{axis}_gain and {axis}_offset must be numbers.")


class Car(Device):
    """Motors that obey. Built as `Backend(bus, config)`; neutral when opened and when closed."""

    settle_s = 0.0  # of neutral after `open` before the car obeys

    def apply(self, command: Command) -> Command:
        """Send `command` and return what was really sent, which differs where the car cannot do it.

        Raises OSError when the bus or the chip does not answer, ValueError for a command that is not finite.
        """
        raise NotImplementedError

    def neutral(self) -> None:
        """Wheels straight, motor off, in one transfer; works on a car that another process opened."""
        self.apply(NEUTRAL)

    def healthy(self) -> bool:
        """Whether the chip still is as `open` left it; False after a power dip. Raises OSError."""
        return True


REVERSES = ("after_neutral", "direct", "none", "unknown")

CARS = Registry("car", {
    "dc_motors": "jetracer.car.dc_motors:DcMotors",
    "null": "jetracer.car.null:NullCar",
    "servo_esc": "jetracer.car.servo_esc:ServoEsc",
})


def make_car(bus: Optional[Any], config: CarConfig) -> Car:
    """The car that `config` names, not yet opened, on an open bus. Raises UnknownName."""
    return CARS.create(config.name, bus, config)
