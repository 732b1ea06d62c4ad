"""The line on the terminal that says how a drive goes, over and over."""
from __future__ import annotations

import os
import sys
from typing import Any, List, Optional, Tuple

from jetracer.car.base import CarConfig
from jetracer.core.types import Step

STATUS_EVERY_S = 0.2
MANY = 1000  # characters: a file has no end of a line


def columns() -> int:
    """Of the terminal that standard error is; 80 where it does not say. A longer line could not be written over."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class Status:
    """The live line on the terminal; sees every step and shows some."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._next_s = float("-inf")
        self._wide = 0
        self._trim = 0.0

    def __call__(self, step: Step, truth: Optional[Any], recording: Any) -> None:
        self._trim = step.pilot.trim
        if self._quiet or step.t_s < self._next_s:
            return
        self._next_s = step.t_s + (STATUS_EVERY_S if self._live else 25 * STATUS_EVERY_S)
        self._show(line_of(step, truth, recording, columns() - 1 if self._live else MANY))

    def say(self, text: str) -> None:
        if not self._quiet:
            self.close()
            print(f"jetracer: {text}", file=sys.stderr)

    def tell_trim(self, car: CarConfig) -> None:
        """The human's steering trim goes with the drive; say how to keep it."""
        if self._trim:
            offset = car.steering_offset + car.steering_gain * self._trim
            self.say(f"steering trim {self._trim:+.2f}, for this drive only; to keep it: jetracer calibrate, or [car] "
                     f"steering_offset = {offset:.4f} in your kit; to try it: --car.steering_offset {offset:.4f}")

    def close(self) -> None:
        """Leave the live line behind, so that what follows begins on a new one."""
        if self._wide:
            print(file=sys.stderr)
            self._wide = 0

    def _show(self, text: str) -> None:
        if not self._live:
            print(text, file=sys.stderr)
            return
        print("\r" + text.ljust(self._wide), end="", file=sys.stderr, flush=True)
        self._wide = len(text)


def line_of(step: Step, truth: Optional[Any], recording: Any, most: int = MANY) -> str:
    """One line of at most that many characters that says how the drive goes; `recording` is the recorder's state.

    Where there is no room for all of it, what matters least is left out.
    """
    command, pilot = step.decision.command, step.pilot
    stops = [stop.detail or stop.reason for stop in step.decision.stops if stop.reason not in ("range", "slew")]
    parts = [  # each with its place in the order of importance
        (1, f"{pilot.mode:<9}"), (4, _bar(command.steering)), (2, f"throttle {command.throttle:+.2f}"),
        (6, f"of {pilot.limit:.0%}" if pilot.limit < 1.0 else ""), (7, f"trim {pilot.trim:+.2f}" if pilot.trim else ""),
        (8, f"sure {step.scene.confidence:4.0%}"),
        *_simulated(truth),
        (11, f"age {1e3 * (step.decision.t_s - step.frame.t_s):3.0f} ms"), (3, _recorded(recording)),
        (0, stops[0] if stops else "")]
    parts = [part for part in parts if part[1]]
    while len(parts) > 1 and len("  ".join(text for _, text in parts)) > most:
        parts.remove(max(parts))
    return "  ".join(text for _, text in parts)[:most]


def _simulated(truth: Optional[Any]) -> List[Tuple[int, str]]:
    if truth is None:
        return []
    side = "left" if truth.lateral_m > 0 else "right"  # of the lane's middle
    return [(9, f"lap {truth.lap + 1}"), (5, f"{truth.speed_mps:4.2f} m/s"),
            (10, f"{100 * abs(truth.lateral_m):3.0f} cm {side:<5}")]


def _recorded(recording: Any) -> str:
    if recording.error:
        return f"NO REC: {recording.error}"
    lost = f", {recording.dropped} lost" if recording.dropped else ""
    return f"{'REC' if recording.on else 'rec off'} {recording.pictures}{lost}"


def _bar(steering: float, half: int = 6) -> str:
    place = round(half * (1 + max(-1.0, min(1.0, steering))))
    return "[" + "".join("|" if at == place else "·" if at == half else " " for at in range(2 * half + 1)) + "]"
