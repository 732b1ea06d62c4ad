"""Random closed lines a car can drive: corners, rounded off by arcs, smoothed, spaced evenly."""

from __future__ import annotations

import math
from typing import Optional, Tuple

import numpy as np

MIN_RADIUS_M = 0.95  # the car itself turns at 0.74 m
MIN_LENGTH_M, MAX_LENGTH_M = 9.0, 20.0
STEP_M = 0.02

_BOX_M = (6.1, 4.6)  # the largest box around a centre line: with the widest lane 6.9 x 5.4 m
_SAMPLES = 512


def outline(rng: np.random.Generator) -> np.ndarray:
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
    fill = rng.choice(
        [rng.uniform(0.8, 1.25), 0.999]
    )  # above 1: rounding the corners off makes the outline smaller again
    x, y = (v / np.ptp(v) * extent * fill for v, extent in ((corners.real, _BOX_M[0]), (corners.imag, _BOX_M[1])))
    return x + 1j * y


def smooth_loop(
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
    into = np.roll(edge / np.abs(edge), 1)
    arcs = []
    for corner, r, a, angle in zip(corners, reach, into, turn):
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
    n = round(length / STEP_M)
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


def separation(centre: np.ndarray, length_m: float) -> float:
    """Least distance between parts of the line that are more than 1.5 m apart along it.

    Within that reach the least radius alone keeps the line from coming back to itself (Schur's comparison theorem).
    """
    every = centre[::4]
    gap = np.abs(np.arange(len(every))[:, None] - np.arange(len(every))) * (length_m / len(every))
    far = np.minimum(gap, length_m - gap) > 1.5
    away = np.abs((every[:, 0] + 1j * every[:, 1])[:, None] - (every[:, 0] + 1j * every[:, 1]))
    return float(away[far].min()) - 4 * STEP_M  # the samples are 8 cm apart: the true minimum may lie between
