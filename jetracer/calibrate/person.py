"""Finding it with a person's eyes and keys: the same steps, each shown, tried and confirmed.

The wheels move only while a key is held or keeps repeating; letting go is neutral.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Dict, List, Optional, Tuple

from jetracer.calibrate.bench import TURN_S, Bench
from jetracer.calibrate.found import Found
from jetracer.calibrate.scale import Scale
from jetracer.core.clock import Clock
from jetracer.core.errors import DeviceError
from jetracer.teleop.terminal import Held, Terminal

Say = Callable[[str], None]

# What a step asks, the axis it moves, and the key that goes its way first.
TASKS: Tuple[Tuple[str, str, str], ...] = (
    ("centre", "steering", "Make the front wheels point straight ahead."),
    ("right", "steering", "Steer right (D) until the wheels turn no further. If they turn left, press X."),
    ("left", "steering", "Steer left (A) until the wheels turn no further."),
    ("forward", "throttle", "Throttle up (W) until the wheels just begin to turn. If they turn backwards, press X."),
    ("backward", "throttle", "Throttle down (S) until the wheels just begin to turn backwards."),
    ("reverse", "", "Hold H: the wheels turn forward, then get backward throttle, neutral, and backward once more.\n"
                    "    When did they turn backwards?  1: at the first time  2: at the second  3: never"),
)
KEYS = ("    A D, W S, arrows: a step   H: hold   Return: this is it\n"
        "    N: leave it as it was   B: the one before once more   Q: quit, write nothing\n"
        "    Wheels move only while a key is held. Let go, and the car is in neutral.")
LIMIT_S = 0.04  # a held key moves no faster than a step in this time
_SIGN = {"a": -1, "s": -1, "d": 1, "w": 1}
_HELD = frozenset("adwsh")
_REVERSES = {"1": "direct", "2": "after_neutral", "3": "none"}
_BRAKE_S, _REST_S = 1.2, 0.6
_DRIVE_STEPS = 6  # beyond the dead band, for the reverse sequence


class Quit(Exception):
    """The person has had enough: nothing is to be written."""


@dataclass
class Attempt:
    """Where the person is: the step tried on each axis, which way is right or forward, and what is settled."""

    at: Dict[str, int]
    way: Dict[str, int] = field(default_factory=lambda: {"steering": 1, "throttle": 1})
    found: Found = field(default_factory=Found)


class Guide:
    """Leads through TASKS. `say` gets lines, `show` the one line that changes, which ends with what `seen` says."""

    def __init__(self, bench: Bench, terminal: Terminal, clock: Clock, say: Say, show: Say, flip: bool = False,
                 seen: Callable[[], str] = str) -> None:
        self._bench, self._terminal, self._clock, self._seen = bench, terminal, clock, seen
        self._say, self._show = say, show
        self._held = Held()
        self._scales: Dict[str, Scale] = {"steering": bench.steering, "throttle": bench.throttle}
        self._attempt = Attempt({name: scale.middle for name, scale in self._scales.items()})
        if flip:
            self._attempt.way["steering"] = -1

    def find_all(self) -> Found:
        """Every step in turn. Raises Quit, GuardError when the car was stopped, DeviceError without a terminal."""
        self._say(KEYS)
        place = 0
        while place < len(TASKS):
            name, axis, text = TASKS[place]
            self._say(f"{place + 1}/{len(TASKS)} {name}: {text}")
            key = self._sequence() if name == "reverse" else self._adjust(name, axis)
            place = max(0, place - 1) if key == "b" else place + 1
        return self._attempt.found

    def _adjust(self, name: str, axis: str) -> str:
        """Try steps until the person is content; the key that ended it."""
        attempt, scale = self._attempt, self._scales[axis]
        self._held.release()
        attempt.at[axis] = self._start(name, axis)
        moved_s = self._clock.now_s()
        while True:
            now_s = self._clock.now_s()
            for key in self._keys():
                if key in ("\n", "n", "b"):
                    self._settle(name, axis, key)
                    return key
                if key == "x":
                    attempt.way[axis] = -attempt.way[axis]
                    attempt.at[axis] = scale.middle if axis == "throttle" else attempt.at[axis]
                if key in _HELD:
                    self._held.press(key, now_s)
                if key in _SIGN and now_s - moved_s >= LIMIT_S:
                    moved_s = now_s
                    attempt.at[axis] = scale.within(attempt.at[axis] + _SIGN[key] * attempt.way[axis])
            held = self._held.at(now_s)
            self._bench.turn(**{axis: attempt.at[axis]}, held=held)
            self._show(f"    {scale.told(attempt.at[axis])}  {_bar(scale, attempt.at[axis])}  "
                       f"{'held' if held else 'let go: neutral'}  {self._seen()}")

    def _start(self, name: str, axis: str) -> int:
        """Ends are looked for from the centre, the dead band's from neutral."""
        found, scale = self._attempt.found, self._scales[axis]
        if axis == "steering" and found.centre is not None:
            return round(found.centre / scale.size)
        return scale.middle

    def _settle(self, name: str, axis: str, key: str) -> None:
        if key == "b":
            return
        scale, step = self._scales[axis], self._attempt.at[axis]
        value = scale.amount(step) if key == "\n" else None
        if axis == "throttle" and value is not None:  # the wheels began to turn within the last step
            value = scale.amount(step - 0.5 * (1 if step > scale.middle else -1))
        self._attempt.found = replace(self._attempt.found, **{name: value})
        self._show(f"    {name}: {'as it was' if value is None else scale.told(step)}")
        self._say("")

    def _sequence(self) -> str:
        """Drive the reverse sequence while H is held, and hear what the wheels did."""
        phases = self._phases()
        self._held.release()
        began_s: Optional[float] = None
        while True:
            now_s = self._clock.now_s()
            for key in self._keys():
                if key in _REVERSES or key in ("n", "b", "\n"):
                    self._attempt.found = replace(self._attempt.found, reverse=_REVERSES.get(key))
                    self._say("")
                    return key
                if key in _HELD:
                    self._held.press(key, now_s)
            held = self._held.at(now_s)
            began_s = (now_s if began_s is None else began_s) if held else None
            told, step = _phase(phases, 0.0 if began_s is None else now_s - began_s)
            self._bench.turn(throttle=step, held=held)
            self._show(f"    {told if held else 'let go: neutral'}  {self._seen()}")

    def _phases(self) -> List[Tuple[float, str, Optional[int]]]:
        """(seconds, what it is, step): forward, backward, neutral, backward, neutral."""
        found, scale, way = self._attempt.found, self._scales["throttle"], self._attempt.way["throttle"]
        edges = [scale.middle + sign * way * 10 if edge is None else round(edge / scale.size)
                 for sign, edge in ((1, found.forward), (-1, found.backward))]
        drive, back = edges[0] + way * _DRIVE_STEPS, edges[1] - way * _DRIVE_STEPS
        return [(_BRAKE_S, "forward", drive), (_BRAKE_S, "backward throttle, first time", back),
                (_REST_S, "neutral", None), (_BRAKE_S, "backward throttle, second time", back), (1e9, "neutral", None)]

    def _keys(self) -> List[str]:
        return pressed(self._terminal)


def ask(terminal: Terminal, clock: Clock, say: Say, question: str) -> bool:
    """Yes by Y, no by N. Raises Quit, and DeviceError when the terminal is gone."""
    say(f"{question}  Y: yes   N: no")
    while True:
        for key in pressed(terminal):
            if key in ("y", "n"):
                return key == "y"
        clock.sleep_until(clock.now_s() + TURN_S)


def pressed(terminal: Terminal) -> List[str]:
    """The keys since the last call. Raises Quit by Q, space or Escape, and DeviceError when the terminal is gone."""
    try:
        keys = terminal.keys()
    except DeviceError as error:
        raise DeviceError("The terminal has hung up: the car is in neutral, nothing was written.") from error
    if any(key in ("q", "stop", " ") for key in keys):
        raise Quit
    return keys


def _phase(phases: List[Tuple[float, str, Optional[int]]], age_s: float) -> Tuple[str, Optional[int]]:
    for seconds, told, step in phases:
        if age_s < seconds:
            return told, step
        age_s -= seconds
    return "neutral", None


def _bar(scale: Scale, step: int, half: int = 15) -> str:
    """Where the step lies within the limits."""
    place = round(2 * half * (step - scale.low) / max(1, scale.high - scale.low))
    middle = round(2 * half * (scale.middle - scale.low) / max(1, scale.high - scale.low))
    return "[" + "".join("#" if at == place else "." if at == middle else "-" for at in range(2 * half + 1)) + "]"
