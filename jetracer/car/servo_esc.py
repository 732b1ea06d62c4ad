"""A steering servo and an ESC on one PCA9685: the usual 1/10 car."""
from __future__ import annotations

import math
from typing import Any, Optional, Tuple

from jetracer.car.base import Car, CarConfig
from jetracer.car.pca9685 import Pca9685
from jetracer.core.errors import BusError
from jetracer.core.types import Command

MIDDLE_US = 1500.0
HALF_RANGE_US = 750.0  # of NVIDIA's formula: +-1 before gain and offset are 750 and 2250 us


class Axis:
    """One channel: from a value in [-1, 1] to the pulse, and back from the pulse to the value."""

    def __init__(self, gain: float, offset: float, min_us: float, max_us: float) -> None:
        self._gain, self._offset = gain, offset
        self._min_us, self._max_us = min_us, max_us

    def pulse(self, value: float) -> Tuple[float, float]:
        """(pulse in us, the value it stands for): the value differs where the range clips the pulse."""
        wanted_us = MIDDLE_US + HALF_RANGE_US * (value * self._gain + self._offset)
        pulse_us = min(self._max_us, max(self._min_us, wanted_us))
        if pulse_us == wanted_us:
            return pulse_us, value
        return pulse_us, self._value(pulse_us)

    def _value(self, pulse_us: float) -> float:
        if self._gain == 0.0:
            return 0.0
        return ((pulse_us - MIDDLE_US) / HALF_RANGE_US - self._offset) / self._gain


class ServoEsc(Car):
    """Both channels in one transfer when they are neighbours, else the motor's first."""

    def __init__(self, bus: Any, config: Optional[CarConfig] = None) -> None:
        config = config or CarConfig()
        self.settle_s = config.settle_s
        self._chip = Pca9685(bus, config.address, config.frequency_hz)
        self._address = config.address
        self._channels = (config.steering_channel, config.throttle_channel)
        self._steering = Axis(config.steering_gain, config.steering_offset,
                              config.steering_min_us, config.steering_max_us)
        self._throttle = Axis(config.throttle_gain, config.throttle_offset,
                              config.throttle_min_us, config.throttle_max_us)

    def open(self) -> None:
        """Neutral pulses: the ESC arms on them, and what a dead program left ends here. Raises BusError."""
        try:
            self._chip.start()
            self.neutral()
        except OSError as error:
            raise BusError(
                f"The PCA9685 at 0x{self._address:02x} does not answer ({error.strerror or error}); "
                "check its wiring and power, and see what is there with: i2cdetect -y -r 1"
            ) from error

    def apply(self, command: Command) -> Command:
        if not (math.isfinite(command.steering) and math.isfinite(command.throttle)):
            raise ValueError(f"{command} is not finite; nothing was sent.")
        steering_us, steering = self._steering.pulse(command.steering)
        throttle_us, throttle = self._throttle.pulse(command.throttle)
        self._write(self._chip.steps(steering_us), self._chip.steps(throttle_us))
        if steering == command.steering and throttle == command.throttle:
            return command
        return Command(steering, throttle)

    def _write(self, steering: int, throttle: int) -> None:
        first, second = self._channels
        if second == first + 1:
            self._chip.write(first, (steering, throttle))
        elif first == second + 1:
            self._chip.write(second, (throttle, steering))
        else:
            self._chip.write(second, (throttle,))
            self._chip.write(first, (steering,))

    def healthy(self) -> bool:
        return self._chip.running()

    def close(self) -> None:
        """Neutral once more; a bus that is gone cannot be told anything."""
        try:
            self.neutral()
        except OSError:
            return
