"""Puts the drive on the car's display, from a thread of its own: the loop never waits for the glass.

A display that is absent, or falls off its wires, is no fault; while a drive has one, `jetracer display` gives way.
"""
from __future__ import annotations

import math
import socket
import threading
from dataclasses import replace
from typing import Callable, List, Optional

from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.device import Device
from jetracer.core.types import Decision, Step, Stop
from jetracer.data.recorder import Recorder, Recording
from jetracer.display.base import Display
from jetracer.display.pages import Facts
from jetracer.drive.screen import PERIOD_S, Screen
from jetracer.drive.vitals import CarView, Figures, network_address
from jetracer.safety.reasons import NOTICE, reason

VITALS_S = 2.0
END_S = 1.0  # a stuck bus may keep the thread; it ends with the process

# The pilot's own doing, and no reason to shout.
_CALM = ("deadman", "not_armed")
# Notices about the car itself, and why it is not armed, which are said as long as they hold.
_SAID = ("battery", "hot", "throttled", "settling", "stick", "other_driver")


class Panel(Device):
    """A sink of the drive loop. `view` is asked every other second, `speed` (m/s) for every picture."""

    def __init__(self, display: Display, model: str = "", view: Optional[CarView] = None,
                 speed: Optional[Callable[[], float]] = None, clock: Optional[Clock] = None) -> None:
        self.recorder: Optional[Recorder] = None
        self._view, self._speed = view, speed
        self._clock = clock or MonotonicClock()
        self._screen = Screen(display, drive=True, clock=self._clock)
        self._facts = Facts(host=socket.gethostname(), mode="starting", model=model)
        self._step: Optional[Step] = None
        self._steps = 0
        self._paces: List[tuple] = []  # (time, steps until then) of the last second
        self._vitals_s = -math.inf
        self._ended = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def __call__(self, step: Step) -> None:
        """Take note of a step; returns at once, whatever the bus does."""
        self._step = step
        self._steps += 1

    def open(self) -> None:
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._work, name="display", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Leave the last state on the glass: that the drive has ended, and what stopped the car."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ended.set()
            thread.join(END_S)

    def _work(self) -> None:
        while not self._ended.wait(PERIOD_S):
            self._update()
            self._screen.show(self._facts)
        self._update()
        self._screen.show(replace(self._facts, mode="ended", state=""), 0)
        self._screen.close()

    def _update(self) -> None:
        """Bring the facts up to the newest step."""
        now_s, step = self._clock.now_s(), self._step
        if now_s - self._vitals_s >= VITALS_S:
            self._vitals_s = now_s
            self._facts = replace(self._facts, address=network_address())
            if self._view is not None:
                self._facts = with_figures(self._facts, self._view.read())
        if step is not None:
            self._facts = facts_of(step, self._facts, self._pace(now_s))
        if self.recorder is not None:
            self._facts = with_recording(self._facts, self.recorder.state)
        if self._speed is not None:
            self._facts = replace(self._facts, speed_mps=self._speed())

    def _pace(self, now_s: float) -> float:
        """Steps a second, over about the last one."""
        self._paces = [(t_s, steps) for t_s, steps in self._paces if now_s - t_s <= 1.5] + [(now_s, self._steps)]
        (first_s, first), (last_s, last) = self._paces[0], self._paces[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else math.nan


def facts_of(step: Step, before: Facts, fps: float) -> Facts:
    """What a step says, with the rest as it was before."""
    decision = step.decision
    return replace(before, mode=step.pilot.mode, state=state_of(decision), fault=fault_of(decision.stops),
                   throttle=decision.command.throttle, fps=fps, latency_s=decision.t_s - step.frame.t_s)


def with_recording(facts: Facts, recording: Recording) -> Facts:
    """A recording that has ended before its time is told in the top line too."""
    return replace(facts, recording=recording.name if recording.on else "", pictures=recording.pictures,
                   dropped=recording.dropped, recording_error=recording.error, state=recording.error or facts.state)


def with_figures(facts: Facts, figures: Figures) -> Facts:
    return replace(facts, battery_v=figures.battery_v, battery_a=figures.battery_a, battery_percent=figures.percent,
                   temperature_c=figures.temperature_c, supply_w=figures.supply_w)


def state_of(decision: Decision) -> str:
    """A few words: what is to be said of the car, or else what the pilot has to do, or else that it is armed."""
    said = [stop for stop in decision.stops if stop.reason.startswith(_SAID)]
    calm = [stop for stop in decision.stops if stop.reason in _CALM]
    return (said + calm)[0].detail if said or calm else "armed" if decision.armed else ""


def fault_of(stops: tuple) -> str:
    """The words of the most important reason that stopped the car, but for those of everyday; empty when none did."""
    return next((stop.detail or reason(stop.reason).text for stop in stops if _stopping(stop)), "")


def _stopping(stop: Stop) -> bool:
    return stop.reason not in _CALM and reason(stop.reason).kind != NOTICE
