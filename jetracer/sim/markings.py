"""What marks the lane on the floor: tape, paint, cables, dashes; and lines that mean nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import cv2
import numpy as np

from jetracer.sim.track import Track

Colour = Tuple[float, float, float]  # BGR

WHITE, YELLOW, ORANGE, BLUE = (235, 238, 238), (40, 205, 240), (25, 110, 245), (190, 105, 40)
RED, GREEN, BLACK = (45, 45, 190), (60, 140, 40), (35, 33, 33)

_EDGES: Dict[str, Tuple[Tuple[Colour, Colour], ...]] = {
    "orange tape": ((ORANGE, ORANGE), (ORANGE, ORANGE), (ORANGE, WHITE), (WHITE, ORANGE)),
    "white tape": ((WHITE, WHITE), (WHITE, WHITE), (WHITE, YELLOW)),
    "blue tape": ((BLUE, BLUE),),
    "yellow dashes": ((WHITE, WHITE),),
    "cables": ((RED, GREEN), (GREEN, RED), (ORANGE, ORANGE), (BLACK, BLACK), (WHITE, WHITE)),
    "walls": ((BLACK, BLACK),),
}


@dataclass(frozen=True)
class Paint:
    """The colours of one track's lane: left and right edge, and the dashes in its middle; None where there are none."""

    left: Optional[Colour]
    right: Optional[Colour]
    dashes: Optional[Colour]

    @property
    def colours(self) -> List[Colour]:
        return [c for c in (self.left, self.right, self.dashes) if c is not None]


def choose_paint(marking: str, rng: np.random.Generator) -> Paint:
    """Colours for a marking's name, each a little off the pure one."""
    left = right = dashes = None
    if marking in _EDGES:
        pairs = _EDGES[marking]
        left, right = (_worn(c, rng) for c in pairs[rng.integers(len(pairs))])
    if marking == "yellow dashes":
        dashes = _worn(YELLOW, rng)
    if marking == "dashed centre":
        dashes = _worn((ORANGE, YELLOW, WHITE)[rng.integers(3)], rng)
    if marking == "orange tape" and rng.random() < 0.2:
        dashes = _worn(WHITE, rng)
    return Paint(left, right, dashes)


def draw(image: np.ndarray, track: Track, paint: Paint, ppm: float, rng: np.random.Generator) -> None:
    """Draw the lane into the floor picture (rows grow with -y; the world's origin is the picture's middle)."""
    pen = _Pen(image, ppm)
    if rng.random() < 0.2:
        _stray_lines(pen, track, rng)
    if rng.random() < 0.25 and track.marking not in ("cables", "dashed centre"):
        across = np.stack([track.left_edge[0], track.right_edge[0]])
        pen.line(across, _worn(WHITE, rng), rng.uniform(0.03, 0.06))
    width = rng.uniform(0.038, 0.052)
    for edge, colour in ((track.left_edge, paint.left), (track.right_edge, paint.right)):
        if colour is None:
            continue
        if track.marking == "cables":
            _cable(pen, edge, track.normal, colour, rng)
        elif track.marking == "walls":
            pen.line(edge, tuple(0.55 * c for c in pen.at(edge[0])), 0.05, closed=True)
        elif track.floor == "mat" or track.marking == "yellow dashes":
            pen.line(edge, colour, width * 1.15, closed=True)
        else:
            _tape(pen, edge, colour, width, rng)
    if paint.dashes is not None:
        _dashes(pen, track, paint.dashes, width, rng)


class _Pen:
    """Draws in metres."""

    _SHIFT = 4

    def __init__(self, image: np.ndarray, ppm: float) -> None:
        self._image, self._ppm = image, ppm
        self._middle = np.array([image.shape[1] / 2, image.shape[0] / 2])

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        px = points * (self._ppm, -self._ppm) + self._middle - 0.5
        return (px * (1 << self._SHIFT)).round().astype(np.int32)

    def line(self, points: np.ndarray, colour: Colour, width_m: float, closed: bool = False) -> None:
        thick = max(1, round(width_m * self._ppm))
        cv2.polylines(self._image, [self._pixels(points)], closed, colour, thick, cv2.LINE_AA, self._SHIFT)

    def area(self, points: np.ndarray, colour: Colour) -> None:
        cv2.fillPoly(self._image, [self._pixels(points)], colour, cv2.LINE_AA, self._SHIFT)

    def strip(self, points: np.ndarray, colour: Colour, width_m: float) -> None:
        """A band with square ends."""
        along = np.gradient(points, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        side = np.stack([-along[:, 1], along[:, 0]], 1) * (0.5 * width_m)
        self.area(np.concatenate([points + side, (points - side)[::-1]]), colour)

    def at(self, point: np.ndarray) -> Colour:
        x, y = self._pixels(point) >> self._SHIFT
        return tuple(float(v) for v in self._image[y, x])


def surround(image: np.ndarray, track: Track, colour: Colour, ppm: float) -> None:
    """Colour all that is not lane: printed mats."""
    mask = np.zeros(image.shape[:2], np.uint8)
    lane = _Pen(mask, ppm)
    lane.line(track.centre, 255, 2 * track.half_width_m, closed=True)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    scale = [c / max(float(grey.mean()), 1.0) for c in colour]
    tinted = cv2.merge([cv2.convertScaleAbs(grey, alpha=s) for s in scale])
    cv2.copyTo(tinted, cv2.bitwise_not(mask), image)


def _worn(colour: Colour, rng: np.random.Generator) -> Colour:
    shade = rng.uniform(0.72, 1.05)
    return tuple(float(np.clip(c * shade + rng.normal(0, 5), 0, 255)) for c in colour)


def _tape(pen: _Pen, edge: np.ndarray, colour: Colour, width_m: float, rng: np.random.Generator) -> None:
    """Tape is laid in straight strips that overlap, wander by millimetres, and now and then miss."""
    n, i = len(edge), 0
    while i < n:
        steps = int(rng.integers(10, 26))
        ends = edge[np.array([i, i + steps]) % n] + rng.normal(0, 0.003, (2, 2))
        along = ends[1] - ends[0]
        ends = ends + np.outer((-0.01, 0.012), along / np.linalg.norm(along))
        tone = rng.normal(1.0, 0.025)
        if rng.random() > 0.015:
            pen.strip(ends, tuple(min(c * tone, 255.0) for c in colour), width_m)
        i += steps


def _cable(pen: _Pen, edge: np.ndarray, normal: np.ndarray, colour: Colour, rng: np.random.Generator) -> None:
    n, width = len(edge), rng.uniform(0.018, 0.026)
    wander = np.interp(np.arange(n) % n, np.linspace(0, n, 40), np.append(w := rng.normal(0, 0.012, 39), w[0]))
    line = edge + normal * wander[:, None]
    shadow = tuple(0.6 * c for c in pen.at(edge[0]))
    pen.line(line + (0.006, -0.006), shadow, width * 1.4, closed=True)
    pen.line(line, colour, width, closed=True)
    pen.line(line + (-0.003, 0.003), tuple(min(255.0, 1.25 * c + 25) for c in colour), width * 0.25, closed=True)


def _dashes(pen: _Pen, track: Track, colour: Colour, width_m: float, rng: np.random.Generator) -> None:
    dash, gap = rng.uniform(0.14, 0.26), rng.uniform(0.14, 0.30)
    count = max(4, int(track.length_m / (dash + gap)))
    n = len(track.centre)
    for k in range(count):
        first = k * n // count
        index = np.arange(first, first + max(3, int(dash / track.step_m))) % n
        pen.strip(track.centre[index] + rng.normal(0, 0.003, 2), colour, width_m)


def _stray_lines(pen: _Pen, track: Track, rng: np.random.Generator) -> None:
    """Old court lines, cable ducts, sheets of paper: seen on real floors, and no lane."""
    half = np.array(track.floor_size) / 2
    for _ in range(rng.integers(1, 4)):
        a, b = rng.uniform(-half, half), rng.uniform(-half, half)
        tone = float(rng.uniform(30, 235))
        if rng.random() < 0.5:
            pen.line(np.stack([a, b]), (tone, tone, tone), rng.uniform(0.01, 0.03))
        else:
            angle = rng.uniform(0, np.pi)
            u = np.array([np.cos(angle), np.sin(angle)])
            v = np.array([-u[1], u[0]])
            pen.area(np.stack([a, a + 0.3 * u, a + 0.3 * u + 0.21 * v, a + 0.21 * v]), (tone, tone, tone))
