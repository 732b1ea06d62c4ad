"""The car on a stand, moved by trial steps. Every one goes through the guard, which has the last word."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Optional

from jetracer.calibrate.scale import MOST, steering_scale, throttle_scale
from jetracer.car.base import CarConfig
from jetracer.core.clock import Clock
from jetracer.core.errors import GuardError
from jetracer.core.types import MANUAL, NEUTRAL, Command, Decision, Pilot
from jetracer.safety.client import Guard
from jetracer.safety.limits import Limits
from jetracer.safety.reasons import reason

TURN_S = 0.02  # between two commands; the guard wants one every tenth of a second
ARM_S = 3.0  # granted to arming: the motor controller wants neutral for a while
REACH_S = 2.0  # granted to a step: a kit with a soft start goes there slowly
_HARMLESS = ("not_armed", "settling", "range", "slew", "deadman")


def bench_limits(car: CarConfig, limits: Limits) -> Limits:
    """The kit's own limits, and no more throttle than wheels on a stand need."""
    return replace(limits, needs_deadman=True, max_throttle=min(limits.max_throttle, MOST[car.name]))


class Bench:
    """`steering` and `throttle` are the scales of the kit's car; the guard drives a `trial_car` of it."""

    def __init__(self, guard: Guard, car: CarConfig, clock: Clock) -> None:
        self.steering, self.throttle = steering_scale(car), throttle_scale(car)
        self.clock = clock
        self._guard = guard

    def arm(self) -> None:
        """From neutral; waits for the motor controller. Raises GuardError with the reason when it is refused."""
        give_up_s = self.clock.now_s() + ARM_S
        self._send(NEUTRAL, True)
        while not self._guard.arm().armed:
            decision = self._send(NEUTRAL, True)
            if self.clock.now_s() > give_up_s:
                raise refusal(decision)
            self._wait()

    def turn(self, steering: Optional[int] = None, throttle: Optional[int] = None, held: bool = True) -> Decision:
        """Send the steps (None: neutral) once and let 20 ms pass. Not `held` is neutral, whatever the steps.

        Raises GuardError when something else stopped the car: it has to be armed again.
        """
        decision = self._send(self._command(steering, throttle), held)
        if not decision.armed:
            raise refusal(decision)
        self._wait()
        return decision

    def keep(self, seconds: float, steering: Optional[int] = None, throttle: Optional[int] = None) -> None:
        """Hold the steps for so long, counted from when the guard has let them through."""
        wanted = self._command(steering, throttle)
        give_up_s = self.clock.now_s() + REACH_S
        while not _close(self.turn(steering, throttle).command, wanted) and self.clock.now_s() < give_up_s:
            pass
        until_s = self.clock.now_s() + seconds
        while self.clock.now_s() < until_s:
            self.turn(steering, throttle)

    def _command(self, steering: Optional[int], throttle: Optional[int]) -> Command:
        return Command(0.0 if steering is None else self.steering.command(self.steering.within(steering)),
                       0.0 if throttle is None else self.throttle.command(self.throttle.within(throttle)))

    def _send(self, command: Command, held: bool) -> Decision:
        pilot = Pilot(command, deadman=held, mode=MANUAL, t_s=self.clock.now_s())
        return self._guard.send(command if held else NEUTRAL, pilot=pilot)

    def _wait(self) -> None:
        self.clock.sleep_until(self.clock.now_s() + TURN_S)


def _close(sent: Command, wanted: Command) -> bool:
    return math.hypot(sent.steering - wanted.steering, sent.throttle - wanted.throttle) < 1e-6


def refusal(decision: Decision) -> GuardError:
    """Why the car does not move, for a person."""
    names = [stop.reason for stop in decision.stops if stop.reason not in _HARMLESS]
    found = reason(names[0] if names else "settling")
    return GuardError(f"The car is in neutral. {found.sentence} {found.next_step} Then run jetracer calibrate again.")
