"""When a drive is over."""
from __future__ import annotations

from typing import Any, Callable, Optional

from jetracer.core.types import Step
from jetracer.drive.config import DriveConfig

ARM_WITHIN_S = 5.0  # the script that stands in for a human has to get the car armed by then
STOPPED_FOR_S = 2.0  # a stop that nobody will lift ends the drive


def laps(count: int) -> str:
    return f"{count} lap{'' if count == 1 else 's'}"


class Ending:
    """Call it with each step; True when the drive is over. `reason` in words; `reached`: as planned, not by a stop."""

    def __init__(self, config: DriveConfig) -> None:
        self.reason = ""
        self.reached = True
        self._laps, self._duration_s = config.laps, config.duration_s
        self._alone = config.teleop == "auto"
        self._start_s: Optional[float] = None
        self._armed_s: Optional[float] = None

    def __call__(self, step: Step, truth: Optional[Callable[[], Any]]) -> bool:
        if self._start_s is None:
            self._start_s = step.t_s
        if step.decision.armed:
            self._armed_s = step.t_s
        if self._laps is not None and truth is not None and truth().lap >= self._laps:
            self.reason = f"{laps(self._laps)} driven"
        elif self._duration_s is not None and step.t_s - self._start_s >= self._duration_s:
            self.reason = f"{self._duration_s:g} s driven"
        elif self._alone and self._held(step):
            self.reason = f"stopped: {step.decision.stops[0].detail or step.decision.stops[0].reason}"
            self.reached = False
        return bool(self.reason)

    def _held(self, step: Step) -> bool:
        if self._armed_s is None:
            return step.t_s - self._start_s > ARM_WITHIN_S
        return step.t_s - self._armed_s > STOPPED_FOR_S
