"""Pictures about a data set and a training: bars, curves, clicks, a drive's steering over time, a sheet of frames."""
from __future__ import annotations

from itertools import zip_longest
from typing import List, Optional, Sequence, Tuple

import cv2
import numpy as np

from jetracer.core.types import Aim
from jetracer.data.paper import INK, PAPER, Color, ramp, text, width_of
from jetracer.data.sample import Sample

SIZE = (960, 420)  # px of a plot; shown at half of it, so that it is sharp on any screen
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 24, 52  # px around the plot's own field
GRID: Color = (226, 222, 218)
MARKS: Tuple[Color, ...] = ((180, 92, 30), (60, 140, 40), (40, 60, 200))  # blue, green, red
_SMALL = 0.62
_LABEL: Color = (60, 230, 90)
_GUESS: Color = (240, 150, 40)


def bars(counts: Sequence[float], low: float, high: float, unit: str = "") -> np.ndarray:
    """Histogram, or any other value, of equal bins from `low` to `high`."""
    page, field = _field()
    top = max(1, *counts)
    _frame(page, field, (low, high), (0, top), unit)
    x0, y0, x1, y1 = field
    for at, count in enumerate(counts):
        left, right = (round(x0 + (x1 - x0) * (at + edge) / len(counts)) for edge in (0.06, 0.94))
        cv2.rectangle(page, (left, y1), (right, y1 - round((y1 - y0) * count / top)), MARKS[0], cv2.FILLED)
    return page


def course(times: Sequence[float], values: Sequence[float], breaks: Sequence[float] = ()) -> np.ndarray:
    """Steering over the time of recording in s; a line stands where a session begins."""
    page, field = _field()
    span = (0.0, max(1e-3, float(times[-1]) if len(times) else 1.0))
    _frame(page, field, span, (-1.0, 1.0), "s")
    x0, y0, x1, y1 = field
    to_x = (x1 - x0) / span[1]
    for begun in breaks:
        cv2.line(page, (round(x0 + begun * to_x), y0), (round(x0 + begun * to_x), y1), GRID, 2)
    points = np.stack([x0 + np.asarray(times) * to_x, (y0 + y1) / 2 - np.asarray(values) * (y1 - y0) / 2], 1)
    for piece in np.split(points, np.flatnonzero(np.diff(times) > 0.5) + 1):
        cv2.polylines(page, [np.round(piece * 8).astype(np.int32)], False, MARKS[0], 2, cv2.LINE_AA, 3)
    text(page, "right", (x0 + 6, y0 + 22), _SMALL)
    text(page, "left", (x0 + 6, y1 - 10), _SMALL)
    return page


def curve(values: Sequence[float], unit: str = "") -> np.ndarray:
    """One value for each of 1, 2, 3 ... `unit`s, from 0 up; where it is not a number, nothing is drawn."""
    page, field = _field()
    values = np.asarray(values, float)
    top = max(1e-6, float(np.nanmax(values, initial=0.0)))
    _frame(page, field, (0.0, max(1.0, float(len(values)))), (0.0, top), unit)
    x0, y0, x1, y1 = field
    points = np.stack([x0 + (x1 - x0) * np.arange(1, len(values) + 1) / max(1, len(values)),
                       y1 - (y1 - y0) * values / top], 1)[np.isfinite(values)]
    cv2.polylines(page, [np.round(points * 8).astype(np.int32)], False, MARKS[0], 2, cv2.LINE_AA, 3)
    return page


def clicks(aims: Sequence[Aim], mean_image: np.ndarray) -> np.ndarray:
    """Where the aims lie, over the mean of all pictures; the order of time goes from violet to yellow."""
    scale = SIZE[1] / mean_image.shape[0]
    size = (round(mean_image.shape[1] * scale), SIZE[1])
    margin = 8
    page = np.full((size[1] + 2 * margin, size[0] + 2 * margin, 3), PAPER, np.uint8)
    page[margin:-margin, margin:-margin] = cv2.resize(mean_image, size, interpolation=cv2.INTER_CUBIC)
    for aim, color in zip(aims, ramp(np.linspace(0.0, 1.0, len(aims)))):
        at = (round(margin + (aim.x + 1) / 2 * size[0]), round(margin + (aim.y + 1) / 2 * size[1]))
        cv2.circle(page, at, 6, INK, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(page, at, 5, color, cv2.FILLED, cv2.LINE_AA)
    return page


def sheet(samples: Sequence[Sample], guesses: Sequence[Optional[Aim]] = (), columns: int = 6, tile_px: int = 240
          ) -> Optional[np.ndarray]:
    """The pictures side by side with their labels, and a model's guesses if any, drawn in; None when there is none."""
    drawn = (labelled_picture(sample, tile_px, guess) for sample, guess in zip_longest(samples, guesses))
    tiles = [tile for tile in drawn if tile is not None]
    if not tiles:
        return None
    height = max(tile.shape[0] for tile in tiles)
    rows = []
    for start in range(0, len(tiles), columns):
        row = np.full((height + 6, columns * (tile_px + 6), 3), PAPER, np.uint8)
        for at, tile in enumerate(tiles[start : start + columns]):
            row[: tile.shape[0], at * (tile_px + 6) : at * (tile_px + 6) + tile_px] = tile
        rows.append(row)
    return np.vstack(rows)


def labelled_picture(sample: Sample, width: int, guess: Optional[Aim] = None) -> Optional[np.ndarray]:
    """The picture, `width` px wide, with its label (green) and a model's aim (blue) drawn in; None if it is damaged."""
    image = sample.picture.image()
    if image is None:
        return None
    height = max(1, round(width * image.shape[0] / image.shape[1]))
    way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    page, unit = cv2.resize(image, (width, height), interpolation=way), max(1, width // 120)
    for aim, color in ((guess, _GUESS), (sample.aim, _LABEL)):
        if aim is not None:
            at = (round((aim.x + 1) / 2 * width), round((aim.y + 1) / 2 * height))
            cv2.circle(page, at, 4 * unit, INK, 2 * unit, cv2.LINE_AA)
            cv2.circle(page, at, 4 * unit, color, unit, cv2.LINE_AA)
    for box in sample.boxes or ():
        left, top, right, bottom = (round(side * of) for side, of in zip(box.box, (width, height) * 2))
        cv2.rectangle(page, (left, top), (right, bottom), _LABEL, unit)
        text(page, box.label, (left + 2 * unit, top + 8 * unit), 0.25 * unit, _LABEL)
    if sample.command is not None:
        end = round(width / 2 * (1 + 0.9 * sample.command.steering))
        cv2.rectangle(page, (0, height - 6 * unit), (width, height), INK, cv2.FILLED)
        cv2.rectangle(page, (width // 2, height - 5 * unit), (end, height - 2 * unit), _LABEL, cv2.FILLED)
    return page


def _field() -> Tuple[np.ndarray, Tuple[int, int, int, int]]:
    page = np.full((SIZE[1], SIZE[0], 3), PAPER, np.uint8)
    return page, (LEFT, TOP, SIZE[0] - RIGHT, SIZE[1] - BOTTOM)


def _frame(page: np.ndarray, field: Tuple[int, int, int, int], x: Tuple[float, float], y: Tuple[float, float],
           unit: str) -> None:
    """Grid and numbers."""
    x0, y0, x1, y1 = field
    for at, value in enumerate(_ticks(*y)):
        height = round(y1 - (y1 - y0) * (value - y[0]) / (y[1] - y[0]))
        cv2.line(page, (x0, height), (x1, height), INK if at == 0 and y[0] == 0 else GRID, 1)
        words = f"{value:g}"
        text(page, words, (x0 - 12 - width_of(words, _SMALL), height + 7), _SMALL)
    for value in _ticks(*x):
        across = round(x0 + (x1 - x0) * (value - x[0]) / (x[1] - x[0]))
        words = f"{value:g}"
        text(page, words, (across - width_of(words, _SMALL) // 2, y1 + 30), _SMALL)
    text(page, unit, (x1 - width_of(unit, _SMALL), SIZE[1] - 4), _SMALL)


def _ticks(low: float, high: float) -> List[float]:
    """Five or so round numbers from low to high."""
    raw = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw)
    return [round(float(value), 10) for value in np.arange(np.ceil(low / step) * step, high + step * 1e-6, step)]
