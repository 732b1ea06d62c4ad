"""A steering servo on one PCA9685 and DC motors behind H-bridges on a second: Waveshare's JetRacer AI Kit."""
from __future__ import annotations

import math
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Tuple

from jetracer.car.base import Car, CarConfig
from jetracer.car.pca9685 import STEPS, Pca9685
from jetracer.car.servo_esc import Axis
from jetracer.core.errors import BusError
from jetracer.core.types import Command

# Channels 0 to 7 of the motors' chip: D is the duty, 1 always on, 0 always off. Both rows are the kit's own.
_D, _ON, _OFF = -1, STEPS, 0
_FORWARD = (_D, _ON, _OFF, _OFF, _D, _OFF, _ON, _D)
_BACKWARD = (_D, _OFF, _ON, _D, _OFF, _ON, _OFF, _D)
# With both direction pins of a bridge low the motor coasts, whatever its duty.
_AT_REST = [_OFF] * len(_FORWARD)


class DcMotors(Car):
    """The duty is throttle * throttle_gain + throttle_offset, clipped to [-1, 1]; negative is backward.

    All eight channels go in one transfer, so the motors never see half a direction. At a duty of 0 every pin
    is low and the car coasts: nothing is left in "backward" that a spike on the duty pin could set in motion.
    """

    def __init__(self, bus: Any, config: Optional[CarConfig] = None) -> None:
        config = config or CarConfig(name="dc_motors", settle_s=0.0)
        self.settle_s = config.settle_s
        self._config = config
        self._servo = Pca9685(bus, config.address, config.frequency_hz)
        self._motors = Pca9685(bus, config.motor_address, config.motor_frequency_hz)
        self._steering = Axis(config.steering_gain, config.steering_offset,
                              config.steering_min_us, config.steering_max_us)

    def open(self) -> None:
        """Motors off first, then the wheels straight. Raises BusError, naming the silent chip."""
        with _named(self._config.motor_address, "drives the motors"):
            self._motors.start()
            self._motors.write(0, _AT_REST)
        with _named(self._config.address, "steers"):
            self._servo.start()
            self.neutral()

    def apply(self, command: Command) -> Command:
        if not (math.isfinite(command.steering) and math.isfinite(command.throttle)):
            raise ValueError(f"{command} is not finite; nothing was sent.")
        duty, throttle = self._duty(command.throttle)
        pulse_us, steering = self._steering.pulse(command.steering)
        self._motors.write(0, channels(duty))
        self._servo.write(self._config.steering_channel, (self._servo.steps(pulse_us),))
        return Command(steering, throttle)

    def _duty(self, throttle: float) -> Tuple[float, float]:
        """(duty in [-1, 1], the throttle it stands for)."""
        gain, offset = self._config.throttle_gain, self._config.throttle_offset
        wanted = throttle * gain + offset
        duty = min(1.0, max(-1.0, wanted))
        if duty == wanted:
            return duty, throttle
        return duty, (duty - offset) / gain if gain else 0.0

    def healthy(self) -> bool:
        return self._motors.running() and self._servo.running()

    def close(self) -> None:
        """Neutral once more; a bus that is gone cannot be told anything."""
        try:
            self.neutral()
        except OSError:
            return


@contextmanager
def _named(address: int, does: str) -> Iterator[None]:
    """An OSError of the bus becomes a BusError that names the chip."""
    try:
        yield
    except OSError as error:
        raise BusError(
            f"The PCA9685 at 0x{address:02x}, which {does}, does not answer ({error.strerror or error}); "
            "check the kit and its power, and see what is there with: jetracer kits"
        ) from error


def channels(duty: float) -> List[int]:
    """Steps of 1/4096 period for the channels 0 to 7 at a duty in [-1, 1]."""
    steps = round(abs(duty) * STEPS)
    if not steps:
        return list(_AT_REST)
    return [steps if pin == _D else pin for pin in (_FORWARD if duty > 0 else _BACKWARD)]
