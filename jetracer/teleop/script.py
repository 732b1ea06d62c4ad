"""A pilot played from a list of timed states: reproducible drives for tests and demonstrations.

As text, one state a line: the time in seconds, then what changes at that time. What is not named stays, except the
gestures: `arm` counts for its own line only, `undo` once.

    0.0  mode=manual deadman=on arm=on record=on
    1.0  throttle=0.2 steering=-0.5 trim=0.02 limit=0.5
    2.0  undo=on
    3.5  estop=on
"""
from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from jetracer.core.clock import Clock
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown
from jetracer.core.types import MODES, Pilot
from jetracer.teleop.base import Teleop

States = Sequence[Tuple[float, Pilot]]
_AXES, _DIALS = ("steering", "throttle"), ("trim", "limit")
_FLAGS = {"on": True, "off": False}
_KEYS = ("arm", "deadman", "estop", "mode", "record", "undo", *_AXES, *_DIALS)


class ScriptTeleop(Teleop):
    """Plays `states` (or the file `argument`) from the first poll after `open`; the last state stays."""

    def __init__(
        self, clock: Optional[Clock] = None, argument: str = "", states: Optional[States] = None
    ) -> None:
        super().__init__(clock, argument)
        self._states = states
        self._start_s: Optional[float] = None

    def open(self) -> None:
        if self._states is None:
            self._states = parse_script(_read(self._argument), self._argument)
        self._times = sorted(t_s for t_s, _ in self._states)
        self._pilots = [pilot for _, pilot in sorted(self._states, key=lambda state: state[0])]
        self._start_s, self._index = None, -1

    def poll(self) -> Pilot:
        now_s = self._clock.now_s()
        if self._start_s is None:
            self._start_s = now_s
        index = bisect_right(self._times, now_s - self._start_s) - 1
        before, self._index = self._index, index
        if index < 0:
            return Pilot(t_s=now_s)
        pilot = self._pilots[index]
        return replace(pilot, t_s=now_s, undo=pilot.undo and index != before)


def parse_script(text: str, where: str = "script") -> List[Tuple[float, Pilot]]:
    """The states of a script in the text form above. Raises ConfigError naming the line."""
    states, pilot = [], Pilot()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if words:
            place = f"{where}, line {number}"
            pilot = _change(replace(pilot, arm=False, undo=False), words[1:], place)
            states.append((_number(words[0], place), pilot))
    return states


def _change(pilot: Pilot, words: Sequence[str], place: str) -> Pilot:
    for word in words:
        key, _, value = word.partition("=")
        if key in _AXES:
            command = replace(pilot.command, **{key: _number(value, place)})
            pilot = replace(pilot, command=command)
        elif key in _DIALS:
            pilot = replace(pilot, **{key: _number(value, place)})
        elif key == "mode":
            pilot = replace(pilot, mode=_choice(value, MODES, place))
        elif key in _KEYS:
            pilot = replace(pilot, **{key: _FLAGS[_choice(value, tuple(_FLAGS), place)]})
        else:
            raise ConfigError(f"{place}: {unknown('pilot entry', key, _KEYS)}")
    return pilot


def _choice(value: str, allowed: Tuple[str, ...], place: str) -> str:
    if value not in allowed:
        raise ConfigError(f"{place}: {value!r} is none of {', '.join(allowed)}.")
    return value


def _number(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{place}: {text!r} is no finite number.")
    return value


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The script {path!r} cannot be read ({error.strerror}); give it as script:FILE."
        ) from error
