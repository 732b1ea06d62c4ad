"""Clocks are injected, so that tests of timing are exact and instant. Monotonic time only."""
from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now_s(self) -> float:
        """Monotonic seconds; on Linux the same for all processes of a machine."""

    def sleep_until(self, t_s: float) -> None:
        """Return at `t_s` or, when that has passed, at once."""


class MonotonicClock:
    """The machine's own clock."""

    now_s = staticmethod(time.monotonic)

    def sleep_until(self, t_s: float) -> None:
        delay_s = t_s - time.monotonic()
        if delay_s > 0:
            time.sleep(delay_s)


def slept_s() -> float:
    """How long this machine has slept (been suspended) since it booted: monotonic time leaves that out."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


class FakeClock:
    """A clock that moves only when told to; sleeping moves it."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = float(start_s)

    def now_s(self) -> float:
        return self._now_s

    def advance(self, dt_s: float) -> None:
        self._now_s += dt_s

    def sleep_until(self, t_s: float) -> None:
        self._now_s = max(self._now_s, t_s)
