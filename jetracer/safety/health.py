"""The pack and the computer as the guard judges them: readings become figures that one bad moment does not change.

- A lower voltage counts once it has lasted `battery_sag_s`: the highest reading of so long is judged, so that a sag
  while the motor pulls is none, and a pack that is empty is known within that time and one period.
- What can no longer be read keeps its last verdict; that it is not known is said after UNKNOWN_S.
"""
from __future__ import annotations

import math
from collections import deque
from typing import Any, Deque, Optional, Tuple

from jetracer.car.battery import Battery, Reading
from jetracer.safety import reasons as r
from jetracer.safety.limits import Limits

MEASURE_S = 0.25
UNKNOWN_S = 2.0


class Health:
    """`battery` as `open_battery` makes it; `computer` has `newest`, as ComputerWatch has. Either may be None."""

    def __init__(self, limits: Limits, battery: Optional[Battery] = None, computer: Optional[Any] = None) -> None:
        self.reading = Reading()  # the newest
        self.battery_v = self.temperature_c = math.nan  # as judged
        self.cells = battery.cells if battery else 0
        self._limits, self._battery, self._computer = limits, battery, computer
        self._measured_s, self._known_s = -math.inf, math.nan
        self._recent: Deque[Tuple[float, float]] = deque()  # (time, volts)
        self._dips: Optional[int] = None
        self._unknown = self._held_back = 0

    @property
    def cell_v(self) -> float:
        return self.battery_v / self.cells if self.cells else math.nan

    @property
    def notices(self) -> int:
        return self._unknown | self._held_back

    def look(self, now_s: float) -> int:
        """Read what is due; the reasons to stop at once."""
        reasons = self._look_at_computer()
        if self._battery is not None and now_s - self._measured_s >= MEASURE_S:
            self._measured_s = now_s
            reasons |= self._measure(self._battery, now_s)
        return reasons

    def _measure(self, battery: Battery, now_s: float) -> int:
        try:
            self.reading = battery.read()
        except OSError:
            self.reading = Reading()
        volts = self.reading.volts
        if math.isfinite(volts):
            self._known_s, self._unknown = now_s, 0
            self._judge(volts, now_s)
        elif math.isnan(self._known_s):
            self._known_s = now_s  # from now on it is missed
        elif now_s - self._known_s > UNKNOWN_S:
            self._unknown = r.BATTERY_UNKNOWN
        return r.BROWN_OUT if volts < self._limits.brown_out_v * self.cells else 0

    def _judge(self, volts: float, now_s: float) -> None:
        self._recent.append((now_s, volts))
        while self._recent[0][0] < now_s - self._limits.battery_sag_s:
            self._recent.popleft()
        self.battery_v = max(volts for _, volts in self._recent)

    def _look_at_computer(self) -> int:
        vitals = self._computer.newest if self._computer is not None else None
        if vitals is None:
            return 0
        if math.isfinite(vitals.temperature_c):
            self.temperature_c = vitals.temperature_c
        self._held_back = r.THROTTLED if vitals.held_back else 0
        before, self._dips = self._dips, vitals.dips
        return r.BROWN_OUT if before is not None and vitals.dips > before else 0
