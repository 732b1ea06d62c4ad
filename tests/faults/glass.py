"""What the car's display says in the state that a row defines, made by the code that makes it on the car."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Callable, Dict

import numpy as np

from jetracer.core.types import NEUTRAL, Command, Decision, Frame, Pilot, Scene, Step
from jetracer.data.recorder import Recording
from jetracer.display.font import CELL_HEIGHT, text
from jetracer.display.pages import Facts, draw
from jetracer.drive import panel, standby
from jetracer.safety import reasons as r

SIZE = (128, 32)


def step(bits: int, armed: bool) -> Step:
    """A turn of the loop in which the guard gave these reasons."""
    command = Command(0.0, 0.3) if armed else NEUTRAL
    return Step(Frame(np.zeros((2, 2, 3), np.uint8), 10.0, 1), Scene(10.0), Pilot(t_s=10.0), command,
                Decision(command, r.stops(bits), armed, 10.0), 10.0, {})


def of_reason(name: str) -> Facts:
    """One that does not latch may be said while the car stays armed; to be told apart it must be shown alone."""
    held = r.reason(name).kind == r.LATCH or name in _UNARMED
    bits = r.BIT[name] | (r.NOT_ARMED if held else 0)
    return panel.facts_of(step(bits, not held), Facts(), math.nan)


def _armed() -> Facts:
    return panel.facts_of(step(0, True), Facts(), math.nan)


def _disk_full() -> Facts:
    return panel.with_recording(_armed(), Recording("run", "all", False, 70, 0, 0, "disk full"))


_UNARMED = ("not_armed", "settling", "stick", "other_driver")

# by what they say; the font has capitals only
SCREENS: Dict[str, Callable[[], Facts]] = {
    "armed": _armed,
    "ended": lambda: replace(_armed(), mode="ended", state=""),  # as Panel leaves it
    "no guard": lambda: standby.facts_of(None, Facts()),
    "disk full": _disk_full,
}


def words(says: str) -> str:
    """The words on the glass for what a row `says`; empty for none."""
    return r.reason(says).text if says in r.BIT else says.upper()


def shows(says: str) -> bool:
    """Whether the first picture after the fault really has these words on it."""
    facts = of_reason(says) if says in r.BIT else SCREENS[says]()
    picture, asked = draw(facts, 0, SIZE), words(says)
    if facts.fault:
        return np.array_equal(picture, draw(Facts(fault=asked), 0, SIZE))
    letters = text(asked)[:, :-1]
    height, width = letters.shape
    top = [picture[y : y + height, x : x + width] for y in (0, CELL_HEIGHT) for x in range(SIZE[0] - width + 1)]
    return any(np.array_equal(part, letters) for part in top)
