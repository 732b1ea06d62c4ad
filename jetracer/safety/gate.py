"""The safety gate: what was wanted and what is known go in, what may be sent comes out.

Pure: no state, no clock. Every comparison is written so that a NaN falls on the safe side.
"""
from __future__ import annotations

import math
from typing import NamedTuple, Tuple

from jetracer.core.types import AUTOMATIC, MANUAL, NEUTRAL, Command, Decision
from jetracer.safety import reasons as r
from jetracer.safety.limits import Limits

# Time stamps of one machine share a clock; one further ahead than this is not a time stamp.
AHEAD_S = 0.02


class Seen(NamedTuple):
    """All that the gate knows. Times are monotonic; -inf stands for never."""

    now_s: float
    dt_s: float = 0.0  # since the last decision
    command_t_s: float = -math.inf  # when the newest good command was made
    frame_t_s: float = -math.inf  # exposure of the picture it was made from
    pilot_t_s: float = -math.inf  # when the pilot was last heard
    sure_t_s: float = -math.inf  # when the road was last seen well enough
    deadman: bool = False
    estop: bool = False
    mode: str = MANUAL
    pilot_throttle: float = 0.0  # where the pilot's own stick is
    cell_v: float = math.nan  # of the battery; NaN = not measured
    temperature_c: float = math.nan  # of the computer; NaN = not measured
    held: int = 0  # reasons of `LEVELS` that held a moment ago
    armed: bool = False
    latched: int = 0  # reasons that stopped the car and hold it
    last: Command = NEUTRAL  # what was last let through


class SafetyGate:
    """`check` decides; `hindrances` tells why the car must not be armed now."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def check(self, wanted: Command, seen: Seen) -> Decision:
        """What may be sent instead of `wanted`, why, and whether the car stays armed."""
        bits = self.conditions(seen) | seen.latched
        if not seen.armed:
            bits |= r.NOT_ARMED
        if not (math.isfinite(wanted.steering) and math.isfinite(wanted.throttle)):
            bits |= r.NOT_FINITE
        if bits & r.STOPPING:
            return Decision(NEUTRAL, r.stops(bits), seen.armed and not bits & r.LATCHING, seen.now_s)
        most = self.limits.max_throttle
        if bits & (r.BATTERY_LIMIT | r.HOT_LIMIT):
            most = min(most, self.limits.limited_throttle)
        steering, throttle = _clip(wanted.steering, 1.0), _clip(wanted.throttle, most)
        if steering != wanted.steering or throttle != wanted.throttle:
            bits |= r.RANGE
        command = self._slewed(steering, throttle, seen)
        if command.steering != steering or command.throttle != throttle:
            bits |= r.SLEW
        return Decision(command, r.stops(bits), True, seen.now_s)

    def conditions(self, seen: Seen) -> int:
        """The reasons that hold at this moment, whatever is wanted."""
        limits, now_s = self.limits, seen.now_s
        bits = self._battery(seen) | self._heat(seen)
        if seen.estop:
            bits |= r.ESTOP
        if not _fresh(seen.command_t_s, now_s, limits.command_timeout_s):
            bits |= r.WATCHDOG
        if not _fresh(seen.pilot_t_s, now_s, limits.max_pilot_age_s):
            bits |= r.STALE_PILOT
        if limits.needs_deadman and not seen.deadman:
            bits |= r.DEADMAN
        if seen.mode != MANUAL:
            if not _fresh(seen.frame_t_s, now_s, limits.max_frame_age_s):
                bits |= r.STALE_FRAME
            if not _fresh(seen.sure_t_s, now_s, limits.max_unsure_s):
                bits |= r.UNSURE
        return bits

    def hindrances(self, wanted: Command, seen: Seen) -> int:
        """Why the car must not be armed now; 0 when it may.

        The gesture counts only with the stick let go. In automatic mode the gesture itself says "go": there
        the throttle that the controller wants may be anything, since it starts from zero by the slew limit.
        """
        bits = self.conditions(seen) & r.LATCHING
        neutral = self.limits.neutral_throttle
        if not abs(seen.pilot_throttle) <= neutral:
            bits |= r.STICK
        if seen.mode != AUTOMATIC and not abs(wanted.throttle) <= neutral:
            bits |= r.STICK
        return bits

    def sure(self, confidence: float) -> bool:
        return confidence >= self.limits.min_confidence

    def _battery(self, seen: Seen) -> int:
        limits = self.limits
        steps = ((r.BATTERY_STOP, limits.battery_stop_v), (r.BATTERY_LIMIT, limits.battery_limit_v),
                 (r.BATTERY_WARN, limits.battery_warn_v))  # fmt: skip
        return _level(seen.cell_v, steps, limits.battery_recover_v, seen.held)

    def _heat(self, seen: Seen) -> int:
        limits = self.limits
        steps = ((r.HOT_STOP, -limits.temperature_stop_c), (r.HOT_LIMIT, -limits.temperature_limit_c),
                 (r.HOT_WARN, -limits.temperature_warn_c))  # fmt: skip
        return _level(-seen.temperature_c, steps, limits.temperature_recover_c, seen.held)

    def _slewed(self, steering: float, throttle: float, seen: Seen) -> Command:
        limits, last = self.limits, seen.last
        turn = limits.steering_per_s * seen.dt_s
        steering = min(last.steering + turn, max(last.steering - turn, steering))
        # Away from zero in steps, from the other side of zero as if from zero, towards zero at once.
        start = last.throttle if last.throttle * throttle > 0 else 0.0
        reach = abs(start) + limits.throttle_per_s * seen.dt_s
        return Command(steering, _clip(throttle, reach))


def _level(value: float, steps: Tuple[Tuple[int, float], ...], recover: float, held: int) -> int:
    """Which of the steps (reason, value below which it begins), worst first, holds; 0 when none does.

    One that held, or a worse one, is let go only `recover` above: the load that is taken away must not bring it back.
    """
    reached = 0
    for reason, below in steps:
        reached |= reason
        if value < below + (recover if held & reached else 0.0):
            return reason
    return 0


def problem(t_s: float, now_s: float, seq: int, last_seq: int, timeout_s: float) -> int:
    """Why a command made at `t_s` must be dropped: LATE, REPEATED, or 0 when it is good."""
    if not _fresh(t_s, now_s, timeout_s):
        return r.LATE
    return r.REPEATED if seq <= last_seq else 0


def _fresh(t_s: float, now_s: float, max_age_s: float) -> bool:
    return -AHEAD_S <= now_s - t_s <= max_age_s


def _clip(value: float, most: float) -> float:
    return min(most, max(-most, value))
