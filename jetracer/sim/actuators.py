"""Servo, motor controller (ESC) and battery, as seen from their wires."""
from __future__ import annotations

from dataclasses import dataclass

_SIGNAL_US = (800.0, 2200.0)  # pulses outside are noise to a servo or an ESC
_STANDING_MPS = 0.05


def has_signal(pulse_us: float) -> bool:
    return _SIGNAL_US[0] <= pulse_us <= _SIGNAL_US[1]


def deflection(pulse_us: float, centre_us: float, half_range_us: float) -> float:
    """A pulse as -1 ... 1 around its centre; servos and ESCs go no further."""
    return min(1.0, max(-1.0, (pulse_us - centre_us) / half_range_us))


@dataclass(frozen=True)
class ServoConfig:
    """How the servo is built in: its horn may sit askew, and turn the other way."""

    centre_us: float = 1500.0  # wheels straight
    half_range_us: float = 500.0  # from there to full right; negative: a shorter pulse steers right


class Servo:
    """The steering servo goes from full left to full right, and without pulses stays where it is."""

    def __init__(self, max_angle_rad: float, max_rate_rps: float, config: ServoConfig = ServoConfig()) -> None:
        self._max_angle_rad, self._max_rate_rps, self._config = max_angle_rad, max_rate_rps, config

    def rate_rps(self, pulse_us: float, angle_rad: float, dt_s: float) -> float:
        """How fast the front wheels turn (+ left) during the next `dt_s`."""
        if not has_signal(pulse_us):
            return 0.0
        right = deflection(pulse_us, self._config.centre_us, self._config.half_range_us)
        wanted = (-right * self._max_angle_rad - angle_rad) / dt_s
        return min(self._max_rate_rps, max(-self._max_rate_rps, wanted))


@dataclass(frozen=True)
class EscConfig:
    """A hobby ESC with its motor.

    `reverse` says what a backward pulse does while the car rolls forward: "after_neutral" brakes, and drives
    backwards only after neutral at standstill, as most do; "direct" drives backwards; "none" only ever brakes.
    """

    centre_us: float = 1500.0
    half_range_us: float = 500.0  # from there to full forward; negative: the motor is wired the other way
    reverse: str = "after_neutral"
    arm_s: float = 0.3  # of neutral after power-on or lost signal before it obeys
    dead_band: float = 0.05  # of the half range, from the centre to where it drives forward
    reverse_dead_band: float = 0.05  # and backward
    top_speed_mps: float = 6.0  # at full pulse and nominal voltage
    reverse_top_speed_mps: float = 2.0
    time_constant_s: float = 0.4  # of the speed, motor and car together
    friction_mps2: float = 0.3  # rolling, when nothing drives
    brake_mps2: float = 6.0  # at full reverse pulse


class Esc:
    """Turns pulses into acceleration.

    Without pulses it lets the car roll and must be armed anew.
    """

    def __init__(self, config: EscConfig, max_accel_mps2: float) -> None:
        self.config = config
        self.armed = False
        self.driving = False  # the motor takes current
        self._max_accel_mps2 = max_accel_mps2
        self._neutral_s = 0.0
        self._may_reverse = config.reverse == "direct"

    def accel_mps2(self, pulse_us: float, speed_mps: float, supply: float, dt_s: float) -> float:
        """Acceleration during the next `dt_s`; `supply` is the battery voltage over its nominal voltage."""
        throttle = self._throttle(pulse_us, speed_mps, dt_s)
        self.driving = throttle > 0.0 or (throttle < 0.0 and self._may_reverse)
        if throttle > 0.0:
            self._may_reverse = self.config.reverse == "direct"
            return self._towards(throttle * self.config.top_speed_mps * supply, speed_mps)
        if self.driving:
            return self._towards(throttle * self.config.reverse_top_speed_mps * supply, speed_mps)
        if throttle < 0.0:
            return self._slowing(-throttle * self.config.brake_mps2, speed_mps, dt_s)
        roll = self.config.friction_mps2 + abs(speed_mps) / self.config.time_constant_s
        return self._slowing(roll, speed_mps, dt_s)

    def _throttle(self, pulse_us: float, speed_mps: float, dt_s: float) -> float:
        """-1 ... 1 of what the motor is asked for, the dead band taken off; 0.0 until armed."""
        if not has_signal(pulse_us):
            self.armed, self._neutral_s = False, 0.0
            return 0.0
        wanted = deflection(pulse_us, self.config.centre_us, self.config.half_range_us)
        band = self.config.dead_band if wanted > 0.0 else self.config.reverse_dead_band
        neutral = abs(wanted) <= band
        self._neutral_s = self._neutral_s + dt_s if neutral else 0.0
        self.armed = self.armed or self._neutral_s >= self.config.arm_s
        if neutral or not self.armed:
            if neutral and abs(speed_mps) <= _STANDING_MPS:
                self._may_reverse = self.config.reverse != "none"
            return 0.0
        return (abs(wanted) - band) / (1.0 - band) * (1.0 if wanted > 0 else -1.0)

    def _towards(self, target_mps: float, speed_mps: float) -> float:
        accel = (target_mps - speed_mps) / self.config.time_constant_s
        return min(self._max_accel_mps2, max(-self._max_accel_mps2, accel))

    @staticmethod
    def _slowing(decel_mps2: float, speed_mps: float, dt_s: float) -> float:
        """Deceleration that ends at standstill and does not turn into driving the other way."""
        decel = min(decel_mps2, abs(speed_mps) / dt_s)
        return -decel if speed_mps > 0 else decel


@dataclass(frozen=True)
class BatteryConfig:
    """Three lithium cells in series, or what is left of them."""

    open_v: float = 12.3  # voltage without load, charged
    empty_v: float = 9.6  # at 0 % charge
    nominal_v: float = 12.0  # at which the motor reaches its top speed
    capacity_ah: float = 5.0
    charge: float = 1.0  # at the start, 0 ... 1
    resistance_ohm: float = 0.06
    idle_a: float = 1.2  # computer and camera
    amps_per_mps2: float = 1.5  # motor current for acceleration
    amps_per_mps: float = 0.8  # and for keeping the speed
    brown_out_v: float = 0.0  # below this the servo board loses its supply; 0: it never does


class Battery:
    """Voltage sags with the current drawn and falls as the charge is used up."""

    def __init__(self, config: BatteryConfig = BatteryConfig()) -> None:
        self.config = config
        self.charge = config.charge
        self.amps = 0.0
        self.volts = 0.0
        self.load(False, 0.0, 0.0, 0.0)

    def load(self, driving: bool, speed_mps: float, accel_mps2: float, dt_s: float) -> None:
        """Draw current for `dt_s`: for `accel_mps2` and `speed_mps` of the car while the motor drives it."""
        config = self.config
        self.amps = config.idle_a
        if driving:
            self.amps += config.amps_per_mps2 * abs(accel_mps2) + config.amps_per_mps * abs(speed_mps)
        self.charge = max(0.0, self.charge - self.amps * dt_s / (3600.0 * config.capacity_ah))
        inside_v = config.empty_v + (config.open_v - config.empty_v) * self.charge
        self.volts = max(0.0, inside_v - config.resistance_ohm * self.amps)

    @property
    def supply(self) -> float:
        return self.volts / self.config.nominal_v

    @property
    def browned_out(self) -> bool:
        return self.volts < self.config.brown_out_v
