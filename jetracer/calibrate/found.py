"""What was found out about a car, and the kit that follows from it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from jetracer.car.base import CarConfig
from jetracer.car.servo_esc import HALF_RANGE_US, MIDDLE_US


@dataclass(frozen=True)
class Found:
    """Pulses in us, or duties; None for a step that was left out.

    `right`, `left` are where the wheels reach their ends; `forward`, `backward` where they begin to turn.
    """

    centre: Optional[float] = None
    right: Optional[float] = None
    left: Optional[float] = None
    forward: Optional[float] = None
    backward: Optional[float] = None
    reverse: Optional[str] = None  # see CarConfig.reverse


def kit_values(found: Found, car: CarConfig) -> Dict[str, Any]:
    """The entries of a kit that follow, nested as in its file; `car` is that of the kit so far."""
    throttle, motor = _throttle(found, car)
    values: Dict[str, Any] = {"car": {**_steering(found, car), **throttle}}
    if found.reverse is not None:
        values["car"]["reverse"] = found.reverse
    if motor:
        values["control"] = {"car": {"motor": motor}}
    return values


def _steering(found: Found, car: CarConfig) -> Dict[str, Any]:
    """The gain is made for the longer way, so that the wheels turn in proportion; the range clips the shorter."""
    values: Dict[str, Any] = {}
    centre_us = MIDDLE_US + HALF_RANGE_US * car.steering_offset
    if found.centre is not None:
        centre_us = found.centre
        values["steering_offset"] = _rounded((centre_us - MIDDLE_US) / HALF_RANGE_US)
    ways = [sign * (end - centre_us) for sign, end in ((1, found.right), (-1, found.left)) if end is not None]
    if not ways:
        return values
    values["steering_gain"] = _rounded(max(ways, key=abs) / HALF_RANGE_US)
    rising = values["steering_gain"] > 0
    for end, upper in ((found.right, rising), (found.left, not rising)):
        if end is not None:
            values["steering_max_us" if upper else "steering_min_us"] = round(end, 1)
    return values


def _throttle(found: Found, car: CarConfig) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Neutral lies between the two ends of the dead band; DC motors have theirs at no duty at all."""
    forward, backward = found.forward, found.backward
    pulses = car.name != "dc_motors"
    neutral = MIDDLE_US + HALF_RANGE_US * car.throttle_offset if pulses else 0.0
    values: Dict[str, Any] = {}
    if pulses and forward is not None and backward is not None:
        neutral = 0.5 * (forward + backward)
        values["throttle_offset"] = _rounded((neutral - MIDDLE_US) / HALF_RANGE_US)
    ways = [sign * (edge - neutral) for sign, edge in ((1, forward), (-1, backward)) if edge is not None]
    if not ways:
        return values, {}
    widest = max(ways, key=abs)
    gain = _rounded(abs(car.throttle_gain))
    values["throttle_gain"] = gain if widest > 0 else -gain
    reach = gain * (HALF_RANGE_US if pulses else 1.0)
    return values, {"dead_band": _rounded(abs(widest) / reach)} if reach else {}


def _rounded(value: float) -> float:
    """To a tenth of a microsecond, which no chip resolves."""
    return round(value, 4)
