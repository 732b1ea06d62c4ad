"""A hand on the car: keeps one command flowing to the guard for a program that sets a value now and then.

A notebook sets the throttle once and expects it to last; the guard stops a car that hears nothing for a tenth
of a second. A thread here goes on sending. It ends with its process, and then the guard stops the car.
"""
from __future__ import annotations

import logging
import threading
from typing import Callable, Optional

from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.device import Device
from jetracer.core.errors import GuardError, GuardLost
from jetracer.core.types import MANUAL, NEUTRAL, Command, Decision, Pilot
from jetracer.safety.client import Guard
from jetracer.safety.reasons import reason

PERIOD_S = 0.04
ARM_S = 3.0  # granted to arming: the motor controller may want neutral for a while
_HARMLESS = ("not_armed", "settling", "range", "slew")
_PAUSE = frozenset(("watchdog",))  # this program was silent for a moment; nobody has to look after it


class Hand(Device):
    """`open` arms the car, `set` moves it. `on_stop` is called, by the hand's thread, after a stop.

    With `deadman_s` a car with throttle goes neutral unless `set` or `touch` is called at least that often.
    """

    def __init__(self, guard: Guard, on_stop: Callable[[], None] = lambda: None,
                 deadman_s: Optional[float] = None, clock: Optional[Clock] = None) -> None:
        self.deadman_s = deadman_s
        self._guard, self._on_stop = guard, on_stop
        self._clock = clock or MonotonicClock()
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._command, self._touched_s = NEUTRAL, self._clock.now_s()
        self._trouble: Optional[GuardError] = None

    def open(self) -> None:
        """Connect and arm. Raises GuardError with the reason when the car must not be armed."""
        self._guard.open()
        try:
            self.arm()
        except GuardError:
            self._guard.close()
            raise
        self._thread = threading.Thread(target=self._run, name="jetracer-hand", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Neutral and disarmed."""
        self._ended.set()
        if self._thread not in (None, threading.current_thread()):
            self._thread.join()
        with self._lock:
            self._guard.close()

    def arm(self) -> None:
        """From neutral; waits until the motor controller is ready. Raises GuardError with the reason."""
        with self._lock:
            self._command, give_up_s = NEUTRAL, self._clock.now_s() + ARM_S
            decision = self._arm_once()
            while not decision.armed:
                if self._clock.now_s() > give_up_s or _taken(decision):
                    raise _refusal(decision)
                self._clock.sleep_until(self._clock.now_s() + PERIOD_S)
                decision = self._arm_once()
            self._trouble = None

    def set(self, command: Command, resting: bool = False) -> None:
        """Send `command` now and go on sending it; `resting` says that it moves nothing.

        Raises GuardError when the car was stopped and `command` would move it.
        """
        with self._lock:
            if self._trouble is not None or self._ended.is_set():
                if resting:
                    return
                raise self._trouble or GuardLost("This car was closed; make a new one.")
            self._command = command
            self.touch()
            try:
                self._send(command)
            except GuardError as error:
                self._lost(error)
                if not resting:
                    raise self._trouble from error

    def touch(self) -> None:
        """Somebody is there."""
        self._touched_s = self._clock.now_s()

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_S):
            if not self._beat():
                continue
            try:
                self._on_stop()
            except Exception:  # it is the program's own; this thread has to live on
                logging.getLogger(__name__).exception("a program's reaction to a stop failed")

    def _beat(self) -> bool:
        """Send once more; whether the car was stopped since the last time."""
        with self._lock:
            moving = self._command != NEUTRAL
            if self._let_go():
                self._command = NEUTRAL
            try:
                decision = self._send(self._command)
                if not decision.armed:
                    self._stopped(decision)
            except GuardError as error:
                self._lost(error)
            return moving and self._command == NEUTRAL

    def _let_go(self) -> bool:
        if self.deadman_s is None or self._command.throttle == 0.0:
            return False
        return self._clock.now_s() - self._touched_s > self.deadman_s

    def _stopped(self, decision: Decision) -> None:
        """After a mere pause, at rest, the car is armed again at once; all else wants a person's `arm`."""
        self._command = NEUTRAL
        self._trouble = _refusal(decision)
        if _PAUSE.issuperset(self._guard.status().latched) and self._arm_once().armed:
            self._trouble = None

    def _lost(self, error: GuardError) -> None:
        self._command = NEUTRAL
        self._trouble = GuardLost(f"The connection to the guard is lost ({error}); make a new car.")
        self._ended.set()

    def _arm_once(self) -> Decision:
        self._send(NEUTRAL)
        return self._guard.arm()

    def _send(self, command: Command) -> Decision:
        pilot = Pilot(command, deadman=True, mode=MANUAL, t_s=self._clock.now_s())
        return self._guard.send(command, pilot=pilot)


def _taken(decision: Decision) -> bool:
    return any(stop.reason == "other_driver" for stop in decision.stops)


def _refusal(decision: Decision) -> GuardError:
    """Why the car does not move, for a person."""
    names = [stop.reason for stop in decision.stops if stop.reason not in _HARMLESS]
    found = reason("other_driver" if _taken(decision) else names[0] if names else "settling")
    return GuardError(f"The car stays in neutral. {found.sentence} {found.next_step} To arm: car.arm()")
