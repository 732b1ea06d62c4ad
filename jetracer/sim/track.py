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

TRAINING_SEEDS = range(0, 100_000)
VALIDATION_SEEDS = range(100_000, 200_000)
EVALUATION_FIRST_SEED = 1_000_000

FLOORS = ("wood", "carpet", "asphalt", "tile", "mat")
MARKINGS = (
    "orange tape", "white tape", "blue tape", "yellow dashes", "cables", "walls", "dashed centre",
)  # fmt: skip

MIN_RADIUS_M = 0.95  # the car itself turns at 0.74 m
MIN_LANE_M, MAX_LANE_M = 0.55, 0.80
MIN_SEPARATION_LANES = 1.5
MIN_LENGTH_M, MAX_LENGTH_M = 9.0, 20.0
FLOOR_MARGIN_M = 0.9  # floor that is left beyond the centre line on every side
STEP_M = 0.02

_BOX_M = (6.1, 4.6)  # the largest box around a centre line: with the widest lane 6.9 x 5.4 m
_LOST_M = 1.5  # farther from the hinted place than this, locate() looks everywhere
_SAMPLES = 512


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

    def pose_at(
        self, s_m: float, lateral_m: float = 0.0, heading_error_rad: float = 0.0
    ) -> Tuple[float, float, float]:
        """(x, y, yaw) beside the centre line; yaw in [-pi, pi]."""
        x, y, heading = self._point(s_m)
        x, y = x - lateral_m * math.sin(heading), y + lateral_m * math.cos(heading)
        return x, y, math.remainder(heading + heading_error_rad, 2.0 * math.pi)

    def ahead(
        self, x: float, y: float, distance_m: float, near_s_m: Optional[float] = None
    ) -> Tuple[float, float]:
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
            self.centre[:, 0].tolist(), self.centre[:, 1].tolist(), self.heading.tolist(), self.curvature.tolist(),
        )  # fmt: skip

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
        shape = _smooth_loop(_outline(rng), rng)
        lane = rng.uniform(MIN_LANE_M, MAX_LANE_M)
        if shape is None:
            continue
        centre, heading, curvature, length = shape
        if winding and min(curvature.max(), -curvature.min()) < 0.35:
            continue
        lane = min(lane, _separation(centre, length) / MIN_SEPARATION_LANES)
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


def _outline(rng: np.random.Generator) -> np.ndarray:
    """(M,) corners, complex metres, of a random closed outline: a jittered star, or the rim of joined cells."""
    if rng.random() < 0.5:
        n = int(rng.integers(3, 9))
        angle = (np.arange(n) + rng.uniform(-0.3, 0.3, n)) * (2 * math.pi / n) + rng.uniform(0, 2 * math.pi)
        radius = rng.uniform(rng.uniform(0.2, 0.8), 1.0, n)
        corners = radius * np.exp(1j * angle)
    else:
        # Rims of 3 x 2 cells with some taken away: L, U, Z and T shapes.
        rims = (
            [0, 3, 3 + 1j, 2 + 1j, 2 + 2j, 2j],
            [0, 3, 3 + 2j, 2 + 2j, 2 + 1j, 1 + 1j, 1 + 2j, 2j],
            [0, 2, 2 + 1j, 3 + 1j, 3 + 2j, 1 + 2j, 1 + 1j, 1j],
            [0, 3, 3 + 1j, 2 + 1j, 2 + 2j, 1 + 2j, 1 + 1j, 1j],
            [0, 3, 3 + 2j, 1.5 + 0.8j, 2j],
        )
        corners = np.array(rims[rng.integers(len(rims))], complex)
        jitter = rng.uniform(0.0, 0.2)
        corners = corners + jitter * (rng.uniform(-1, 1, len(corners)) + 1j * rng.uniform(-1, 1, len(corners)))
        corners = corners if rng.random() < 0.5 else np.conj(corners)[::-1]
    corners = corners if rng.random() < 0.5 else -np.conj(corners)  # also turns the driving direction round
    fill = rng.choice([rng.uniform(0.8, 1.25), 0.999])  # above 1: rounding the corners off makes the outline smaller again
    x, y = (v / np.ptp(v) * extent * fill for v, extent in ((corners.real, _BOX_M[0]), (corners.imag, _BOX_M[1])))
    return x + 1j * y


def _smooth_loop(
    corners: np.ndarray, rng: np.random.Generator
) -> Optional[Tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Corners become arcs, arcs and straights flow into one another; None where no allowed track comes of it."""
    rounded = _fillet(corners, rng)
    if rounded is None:
        return None
    z, length = _resample(rounded)
    mode = np.fft.fftfreq(_SAMPLES, 1.0 / _SAMPLES)
    sigma = rng.uniform(0.06, 0.16) / length
    spectrum = np.fft.fft(z) * np.exp(-0.5 * (2 * math.pi * sigma * mode) ** 2)
    z, first = np.fft.ifft(spectrum), np.fft.ifft(1j * mode * spectrum)
    length = float(np.abs(first).mean()) * 2 * math.pi
    small = np.ptp(z.real) <= _BOX_M[0] and np.ptp(z.imag) <= _BOX_M[1]
    if not small or not MIN_LENGTH_M <= length <= MAX_LENGTH_M:
        return None
    bend = _bend(first, np.fft.ifft(-(mode**2) * spectrum))
    return _even(z, rng) if np.abs(bend).max() <= 1.0 / (MIN_RADIUS_M * 1.015) else None


def _fillet(corners: np.ndarray, rng: np.random.Generator) -> Optional[np.ndarray]:
    """The outline (M,) complex with an arc at every corner, as wide as chance and the neighbours allow."""
    edge = np.roll(corners, -1) - corners
    turn = np.angle(edge / np.roll(edge, 1))
    reach = MIN_RADIUS_M * 1.03 * np.tan(0.5 * np.abs(turn))  # from the corner to where its arc begins
    room = np.abs(edge) / (reach + np.roll(reach, -1))
    widest = np.minimum(room, np.roll(room, 1))
    if widest.min() < 1.0:
        return None
    reach = reach * rng.uniform(1.0, np.minimum(widest, 2.5))
    into, out = np.roll(edge / np.abs(edge), 1), edge / np.abs(edge)
    arcs = []
    for corner, r, a, b, angle in zip(corners, reach, into, out, turn):
        start, radius = corner - r * a, r / max(math.tan(0.5 * abs(angle)), 1e-6)
        centre = start + 1j * math.copysign(radius, angle) * a
        arcs.append(centre + (start - centre) * np.exp(1j * np.linspace(0.0, angle, 24)))
    return np.concatenate(arcs)


def _resample(z: np.ndarray) -> Tuple[np.ndarray, float]:
    closed = np.append(z, z[0])
    along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(closed)))])
    at = np.linspace(0.0, along[-1], _SAMPLES, endpoint=False)
    return np.interp(at, along, closed.real) + 1j * np.interp(at, along, closed.imag), float(along[-1])


def _bend(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first.real * second.imag - first.imag * second.real) / np.maximum(np.abs(first), 1e-9) ** 3


def _even(curve: np.ndarray, rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Centre, heading, curvature and length of a smooth closed curve, spaced evenly, begun on a straight part."""
    dense = _interpolate(curve, 16 * _SAMPLES)
    along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(np.append(dense, dense[0]))))])
    length = float(along[-1])
    n = int(round(length / STEP_M))
    at = np.interp(np.arange(n) * (length / n), along, np.arange(len(dense) + 1.0)) % len(dense)
    i, t = at.astype(int), at % 1.0
    z = dense[i] * (1 - t) + dense[(i + 1) % len(dense)] * t
    z -= 0.5 * (z.real.max() + z.real.min()) + 0.5j * (z.imag.max() + z.imag.min())
    mode = np.fft.fftfreq(n, 1.0 / n)
    spectrum = np.fft.fft(z) * (np.abs(mode) < _SAMPLES // 8)
    first = np.fft.ifft(1j * mode * spectrum)
    second = np.fft.ifft(-(mode**2) * spectrum)
    curvature = _bend(first, second)
    starts = rng.integers(0, n, 6)
    start = min(starts, key=lambda s: float(np.abs(np.take(curvature, range(s - 25, s + 26), mode="wrap")).mean()))
    z, first, curvature = (np.roll(v, -int(start)) for v in (z, first, curvature))
    return np.stack([z.real, z.imag], 1), np.unwrap(np.angle(first)), curvature, length


def _interpolate(curve: np.ndarray, n: int) -> np.ndarray:
    """The band-limited closed curve at n points."""
    m, spectrum = len(curve), np.fft.fft(curve)
    wide = np.zeros(n, complex)
    wide[: m // 2], wide[-(m // 2) :] = spectrum[: m // 2], spectrum[-(m // 2) :]
    return np.fft.ifft(wide) * (n / m)


def _separation(centre: np.ndarray, length_m: float) -> float:
    """Least distance between parts of the line that are more than 1.5 m apart along it.

    Within that reach the least radius alone keeps the line from coming back to itself (Schur's comparison theorem).
    """
    every = centre[::4]
    gap = np.abs(np.arange(len(every))[:, None] - np.arange(len(every))) * (length_m / len(every))
    far = np.minimum(gap, length_m - gap) > 1.5
    away = np.abs((every[:, 0] + 1j * every[:, 1])[:, None] - (every[:, 0] + 1j * every[:, 1]))
    return float(away[far].min()) - 4 * STEP_M  # the samples are 8 cm apart: the true minimum may lie between
