"""Tracks to race on: closed centre lines made from a seed.

Seeds below 100 000 are for training, the next 100 000 for validation, and nothing that is trained or tuned ever sees
a seed from EVALUATION_FIRST_SEED on: scores are reported on those alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import List, NamedTuple, Optional, Tuple

import numpy as np

from jetracer.core.errors import ConfigError
from jetracer.sim.track_shape import MIN_RADIUS_M, outline, separation, smooth_loop

TRAINING_SEEDS = range(0, 100_000)
VALIDATION_SEEDS = range(100_000, 200_000)
EVALUATION_FIRST_SEED = 1_000_000

FLOORS = ("wood", "carpet", "asphalt", "tile", "mat")
MARKINGS = (
    "orange tape",
    "white tape",
    "blue tape",
    "yellow dashes",
    "cables",
    "walls",
    "dashed centre",
)

MIN_LANE_M, MAX_LANE_M = 0.55, 0.80
MIN_SEPARATION_LANES = 1.5
FLOOR_MARGIN_M = 0.9  # floor that is left beyond the centre line on every side

_LOST_M = 1.5  # farther from the hinted place than this, locate() looks everywhere


class TrackPosition(NamedTuple):
    """A place seen from the centre line: s_m along it, lateral_m to its left, its heading and curvature (left +)."""

    s_m: float
    lateral_m: float
    heading_rad: float
    curvature: float


@dataclass(frozen=True, eq=False)
class Track:
    """A closed lane. `centre` (N, 2) metres, evenly spaced in driving direction; `heading` (N,) continuous, rad;
    `curvature` (N,) 1/m, left +. The world's origin is the middle of the floor, `floor_size` its (x, y) extent."""

    seed: int
    centre: np.ndarray
    heading: np.ndarray
    curvature: np.ndarray
    half_width_m: float
    length_m: float
    floor: str
    marking: str
    floor_size: Tuple[float, float]

    @property
    def step_m(self) -> float:
        """Distance along the line between two neighbours in `centre`."""
        return self.length_m / len(self.centre)

    @cached_property
    def normal(self) -> np.ndarray:
        """(N, 2) unit vectors to the left of the centre line."""
        return np.stack([-np.sin(self.heading), np.cos(self.heading)], 1)

    @cached_property
    def left_edge(self) -> np.ndarray:
        """(N, 2) metres; repeat the first point to draw it closed."""
        return self.centre + self.half_width_m * self.normal

    @cached_property
    def right_edge(self) -> np.ndarray:
        """(N, 2) metres; repeat the first point to draw it closed."""
        return self.centre - self.half_width_m * self.normal

    def locate(self, x: float, y: float, near_s_m: Optional[float] = None) -> TrackPosition:
        """The nearest place on the centre line. With the hint `near_s_m` the search goes downhill from there
        (microseconds, and stays on that part of the track); without it, or when lost, all of the track is searched."""
        xs, ys, headings, curvatures = self._lists
        n, step = len(xs), self.step_m
        i = self._nearest(x, y, near_s_m)
        j = i + 1 if i + 1 < n else 0
        ex, ey = xs[j] - xs[i], ys[j] - ys[i]
        t = ((x - xs[i]) * ex + (y - ys[i]) * ey) / (ex * ex + ey * ey)
        if t < 0.0:  # the foot lies on the segment before
            i, j, t = i - 1 if i else n - 1, i, 1.0 + t
            ex, ey = xs[j] - xs[i], ys[j] - ys[i]
        t = min(max(t, 0.0), 1.0)
        lateral = (ex * (y - ys[i]) - ey * (x - xs[i])) / step
        turn = math.remainder(headings[j] - headings[i], 2.0 * math.pi)
        heading = math.remainder(headings[i] + t * turn, 2.0 * math.pi)
        curvature = curvatures[i] + t * (curvatures[j] - curvatures[i])
        return TrackPosition((i + t) * step % self.length_m, lateral, heading, curvature)

    def pose_at(self, s_m: float, lateral_m: float = 0.0, heading_error_rad: float = 0.0) -> Tuple[float, float, float]:
        """(x, y, yaw) beside the centre line; yaw in [-pi, pi]."""
        x, y, heading = self._point(s_m)
        x, y = x - lateral_m * math.sin(heading), y + lateral_m * math.cos(heading)
        return x, y, math.remainder(heading + heading_error_rad, 2.0 * math.pi)

    def ahead(self, x: float, y: float, distance_m: float, near_s_m: Optional[float] = None) -> Tuple[float, float]:
        """The first point of the centre line, going forward from the place nearest to (x, y), that is `distance_m`
        (straight line) away from (x, y). From farther off the line than that, the point that far along it."""
        xs, ys = self._lists[:2]
        n = len(xs)
        start = self.locate(x, y, near_s_m).s_m
        i = int(start / self.step_m) % n
        last = math.dist(self._point(start)[:2], (x, y))
        if last >= distance_m:
            return self._point(start + distance_m)[:2]
        for k in range(1, n + 1):
            j = (i + k) % n
            now = math.hypot(xs[j] - x, ys[j] - y)
            if now >= distance_m:
                back = 0.0 if now == last else (now - distance_m) / (now - last)
                return self._point((i + k - min(back, 1.0)) * self.step_m)[:2]
            last = now
        return self._point(start + distance_m)[:2]

    @cached_property
    def _lists(self) -> Tuple[List[float], List[float], List[float], List[float]]:
        # Plain floats: one look-up costs a tenth of indexing an array, and locate() runs every 2 ms.
        return (
            self.centre[:, 0].tolist(),
            self.centre[:, 1].tolist(),
            self.heading.tolist(),
            self.curvature.tolist(),
        )

    def _point(self, s_m: float) -> Tuple[float, float, float]:
        xs, ys, headings, _ = self._lists
        n = len(xs)
        at = s_m / self.step_m % n
        i = int(at) % n
        t, j = at - int(at), (i + 1) % n
        turn = math.remainder(headings[j] - headings[i], 2.0 * math.pi)
        return xs[i] + t * (xs[j] - xs[i]), ys[i] + t * (ys[j] - ys[i]), headings[i] + t * turn

    def _nearest(self, x: float, y: float, near_s_m: Optional[float]) -> int:
        if near_s_m is not None:
            i, squared = self._downhill(x, y, int(near_s_m / self.step_m) % len(self.centre))
            if squared < _LOST_M * _LOST_M:
                return i
        away = self.centre - (x, y)
        return int(np.argmin(away[:, 0] * away[:, 0] + away[:, 1] * away[:, 1]))

    def _downhill(self, x: float, y: float, i: int) -> Tuple[int, float]:
        xs, ys = self._lists[:2]
        n = len(xs)
        best = (xs[i] - x) ** 2 + (ys[i] - y) ** 2
        for direction in (1, -1):
            while True:
                j = (i + direction) % n
                squared = (xs[j] - x) ** 2 + (ys[j] - y) ** 2
                if squared >= best:
                    break
                i, best = j, squared
        return i, best


def generate(seed: int) -> Track:
    """The track of this seed: always the same, driven in one of the two directions."""
    if seed < 0:
        raise ConfigError(f"a track seed is 0 or more, not {seed}")
    rng = np.random.default_rng([seed, 0x7ACC])
    winding = rng.random() < 0.65  # tracks that bend both ways are rare among the random ones: ask for them
    for _ in range(4000):
        shape = smooth_loop(outline(rng), rng)
        lane = rng.uniform(MIN_LANE_M, MAX_LANE_M)
        if shape is None or np.abs(shape[2]).max() > 1.0 / MIN_RADIUS_M:
            continue
        centre, heading, curvature, length = shape
        if winding and min(curvature.max(), -curvature.min()) < 0.35:
            continue
        lane = min(lane, separation(centre, length) / MIN_SEPARATION_LANES)
        if lane >= MIN_LANE_M:
            floor, marking = _surface(rng)
            size = tuple(float(v) for v in np.ptp(centre, axis=0) + 2 * FLOOR_MARGIN_M)
            return Track(int(seed), centre, heading, curvature, lane / 2, length, floor, marking, size)
    raise ConfigError(f"seed {seed} makes no track that fits: take another seed")


def _surface(rng: np.random.Generator) -> Tuple[str, str]:
    floor, marking = FLOORS[rng.integers(len(FLOORS))], MARKINGS[rng.integers(len(MARKINGS))]
    if floor == "mat" and marking == "cables":  # printed mats carry printed lines
        marking = "yellow dashes"
    return floor, marking
