"""What the display says: pure functions from facts to a picture.

The top line always tells mode and state, and in reverse what stopped the car. Below it pages take turns. A stop also
gets a page of its own, as large as the words allow, which comes first and between the others.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, List, NamedTuple, Optional, Tuple

import numpy as np

from jetracer.display.font import CELL_HEIGHT, CELL_WIDTH, text


@dataclass(frozen=True)
class Facts:
    """All that can be shown. NaN and empty texts stand for what is not known."""

    host: str = ""
    address: str = ""  # of the network
    mode: str = ""
    state: str = ""  # armed or what is missing, a few words
    fault: str = ""  # what stopped the car, at most 21 letters
    speed_mps: float = math.nan
    throttle: float = 0.0
    battery_v: float = math.nan
    battery_a: float = math.nan  # positive while it is charged
    battery_percent: float = math.nan
    temperature_c: float = math.nan
    supply_w: float = math.nan  # what the computer draws
    model: str = ""
    fps: float = math.nan
    latency_s: float = math.nan
    kit: str = ""
    recording: str = ""  # the name of what is being recorded; empty: nothing is
    pictures: int = 0
    dropped: int = 0  # steps that the recording has lost
    recording_error: str = ""  # why it has ended, a few words


class Page(NamedTuple):
    """The one thing that matters, and lines below it."""

    big: str
    lines: Tuple[str, ...]


def identity(facts: Facts) -> Page:
    return Page("", (facts.host or "JETRACER", facts.address or "NO NETWORK"))


def kit(facts: Facts) -> Page:
    return Page("", ("KIT", facts.kit or "NOT KNOWN"))


def motion(facts: Facts) -> Page:
    speed = _figure(facts.speed_mps, "{:.1f} M/S")
    return Page(speed or f"{facts.throttle:+.2f}", (f"THROTTLE {facts.throttle:+.2f}",))


def power(facts: Facts) -> Page:
    """Plus amperes charge the battery; then the computer's temperature and what it draws."""
    known = [_figure(facts.battery_percent, "{:.0f}%"), _figure(facts.battery_a, "{:+.1f}A"),
             _figure(facts.temperature_c, "{:.0f}C"), _figure(facts.supply_w, "{:.1f}W")]
    return Page(_figure(facts.battery_v, "{:.1f} V") or "NO SENSOR", (" ".join(filter(None, known)),))


def model(facts: Facts) -> Page:
    delay = _figure(1e3 * facts.latency_s, " {:.0f} MS") or ""
    return Page(_figure(facts.fps, "{:.0f} FPS") or "NO FPS", (f"{facts.model[:14]}{delay}",))


def recording(facts: Facts) -> Page:
    count = f"{facts.pictures} PICS"
    if not facts.recording:
        return Page("NO REC", (facts.recording_error or "NOT RECORDING", count))
    lost = (f"{facts.dropped} STEPS LOST",) if facts.dropped else ()  # first: a small glass has room for one line
    return Page("REC", (*lost, facts.recording, count))


Pages = Tuple[Callable[[Facts], Page], ...]
PAGES: Pages = (identity, motion, power, model, recording)


def draw(facts: Facts, turn: int, size: Tuple[int, int], pages: Pages = PAGES) -> np.ndarray:
    """The picture of a turn, counted from 0, for a glass of (width, height): (height, width) bool, True = lit."""
    width, height = size
    if facts.fault and turn % 2 == 0:
        return _alarm(facts.fault, width, height)
    place = turn // 2 if facts.fault else turn
    columns, rows = width // CELL_WIDTH, height // CELL_HEIGHT
    image = np.zeros((height, width), bool)
    y = 0
    for line in _headlines(facts, columns):
        y = _put(image, y, line, 1)
    if facts.fault:
        image[:y] ^= True
    # a tall glass has room for two pages, a gap between them
    for offset in range(2 if rows >= 8 else 1):
        page = pages[(place + offset) % len(pages)](facts)
        room = min(height - y, (rows - 1) // 2 * CELL_HEIGHT) if rows >= 8 else height - y
        y += _body(image[y : y + room], page, columns) + CELL_HEIGHT // 2
    return image


def _headlines(facts: Facts, columns: int) -> List[str]:
    """The fault; or else the mode to the left and the state to the right, below each other where that is too long."""
    if facts.fault:
        return wrap(facts.fault, columns)
    gap = columns - len(facts.mode) - len(facts.state)
    return [facts.mode + " " * gap + facts.state] if gap > 0 else [facts.mode, *wrap(facts.state, columns)]


def _body(image: np.ndarray, page: Page, columns: int) -> int:
    """Draw a page into a part of the picture; how many pixels high it became."""
    y, lines = 0, [part for line in page.lines for part in wrap(line, columns) or [""]]
    if 2 * len(page.big) <= columns and (2 + len(lines)) * CELL_HEIGHT <= image.shape[0]:
        y = _put(image, 0, page.big, 2)
    else:  # too wide, or some of the lines would have no room
        lines = wrap(page.big, columns) + lines
    for line in lines:
        y = _put(image, y, line, 1)
    return y


def _put(image: np.ndarray, y: int, words: str, scale: int) -> int:
    """Draw a line at `y` if there is room for it; where the next one goes."""
    drawn = text(words, scale)
    below = y + drawn.shape[0]
    if below > image.shape[0]:
        return y
    image[y:below, : drawn.shape[1]] = drawn[:, : image.shape[1]]
    return below


def _alarm(fault: str, width: int, height: int) -> np.ndarray:
    """The fault all over the glass, dark on lit, in the largest letters that fit."""
    image = np.zeros((height, width), bool)
    scale, lines = _largest(fault, width, height)
    y = (height - scale * CELL_HEIGHT * len(lines) + 1) // 2
    for line in lines:
        drawn = text(line, scale)[:, :-scale]
        x = (width - drawn.shape[1]) // 2
        image[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
        y += drawn.shape[0]
    return ~image


def _largest(words: str, width: int, height: int) -> Tuple[int, List[str]]:
    for scale in (3, 2):
        columns = width // (CELL_WIDTH * scale)
        lines = wrap(words, columns, cut=False)
        if len(lines) * scale * CELL_HEIGHT <= height and max(map(len, lines)) <= columns:
            return scale, lines
    return 1, wrap(words, width // CELL_WIDTH)[: height // CELL_HEIGHT]


def wrap(words: str, columns: int, cut: bool = True) -> List[str]:
    """Lines of at most so many letters; a longer word is cut, after a hyphen or a dot if it has one, or left whole."""
    lines: List[str] = []
    for word in words.split():
        pieces = _pieces(word, columns) if cut else [word]
        if lines and len(lines[-1]) + 1 + len(pieces[0]) <= columns and len(pieces) == 1:
            lines[-1] += " " + word
        else:
            lines += pieces
    return lines


def _pieces(word: str, columns: int) -> List[str]:
    if len(word) <= columns:
        return [word]
    place = max(word.rfind("-", 0, columns), word.rfind(".", 0, columns)) + 1 or columns
    return [word[:place], *_pieces(word[place:], columns)]


def _figure(value: float, form: str) -> Optional[str]:
    return form.format(value) if math.isfinite(value) else None
