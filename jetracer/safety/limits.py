"""What the gate lets through."""
from __future__ import annotations

import math
from dataclasses import dataclass, fields

from jetracer.core.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """Ages are judged continuously, not only when a command comes. Battery figures are volts per cell."""

    # the first two leave the guard time to have the motor in neutral 0.1 s after engine or camera were lost
    command_timeout_s: float = 0.09  # neutral and latched when the newest command is older
    max_frame_age_s: float = 0.085  # the same for the newest picture; assisted and automatic only
    max_pilot_age_s: float = 0.25  # neutral while the pilot has not been heard for longer
    max_unsure_s: float = 0.5  # neutral when the road was not seen for longer; assisted and automatic only
    min_confidence: float = 0.2  # from which on the road counts as seen
    needs_deadman: bool = True
    max_throttle: float = 1.0  # forward and backward
    steering_per_s: float = 15.0  # fastest change: lock to lock in 0.13 s
    throttle_per_s: float = 2.0  # away from zero; towards zero is never slowed
    neutral_throttle: float = 0.05  # the stick counts as let go up to here
    battery_warn_v: float = 3.5
    battery_limit_v: float = 3.3  # throttle limited below
    battery_stop_v: float = 3.1  # neutral and latched below
    battery_recover_v: float = 0.2  # each of them holds until the voltage is this much above
    battery_sag_s: float = 2.0  # a lower voltage counts once it has lasted so long
    brown_out_v: float = 2.5  # one reading below: neutral and latched at once
    temperature_warn_c: float = 80.0  # of the computer's hottest chip
    temperature_limit_c: float = 87.0  # throttle limited above
    temperature_stop_c: float = 93.0  # neutral and latched above; Jetsons switch themselves off from about 95 on
    temperature_recover_c: float = 5.0  # each of them holds until it is this much cooler
    limited_throttle: float = 0.2  # the most while battery or temperature limit it

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{item.name} = {value} makes no sense; give a number from 0 up.")
        if not 0 < self.command_timeout_s <= 1:
            raise ConfigError(f"command_timeout_s = {self.command_timeout_s} must lie in 0..1 s, above 0.")
        if max(self.max_throttle, self.limited_throttle) > 1:
            raise ConfigError("max_throttle and limited_throttle are at most 1.")
        if not self.temperature_warn_c <= self.temperature_limit_c <= self.temperature_stop_c:
            raise ConfigError(
                "temperature_warn_c, temperature_limit_c and temperature_stop_c must rise in this order."
            )
        if not self.battery_stop_v <= self.battery_limit_v <= self.battery_warn_v:
            raise ConfigError("battery_stop_v, battery_limit_v and battery_warn_v must rise in this order.")
