"""Keeps a loop at its rate by absolute deadlines, so that errors do not add up.

Idea seen in openpilot's common/realtime.py (Ratekeeper).
"""
from __future__ import annotations

from jetracer.core.clock import Clock
from jetracer.core.errors import ConfigError


class Rate:
    """`wait()` returns at the next multiple of 1/hz since the first call and tells how late it was.

    A turn that overran by more than a period gives up the periods it lost instead of racing after them.
    """

    def __init__(self, hz: float, clock: Clock) -> None:
        if not 0 < hz <= 10_000:
            raise ConfigError(f"A rate of {hz} Hz makes no sense; choose one between 1 and 1000, such as 60.")
        self.period_s = 1.0 / hz
        self.late = 0
        self._clock = clock
        self._deadline_s = None

    def wait(self) -> float:
        """Sleep to the deadline. Returns seconds of lateness: 0.0 when the deadline was still ahead."""
        now_s = self._clock.now_s()
        if self._deadline_s is None:
            self._deadline_s = now_s
        self._deadline_s += self.period_s
        late_s = now_s - self._deadline_s
        if late_s > 0:
            self.late += 1
            if late_s > self.period_s:
                self._deadline_s = now_s
            return late_s
        self._clock.sleep_until(self._deadline_s)
        return 0.0
