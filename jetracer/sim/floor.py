"""The floor as one picture: material, light, and what is stuck or painted on it."""

from __future__ import annotations

from typing import Dict, Tuple

import cv2
import numpy as np

Colour = Tuple[float, float, float]  # BGR

_TILE_M = 2.16  # the material repeats after this: 24 planks of 9 cm, 4 tiles of 54 cm

PALETTES: Dict[str, Tuple[Colour, ...]] = {
    "wood": ((70, 115, 165), (95, 140, 185), (45, 70, 105), (120, 150, 175), (60, 95, 150), (150, 175, 195)),
    "carpet": ((85, 90, 80), (60, 62, 62), (120, 118, 112), (110, 80, 60), (70, 75, 110), (75, 95, 70), (40, 40, 42)),
    "asphalt": ((75, 76, 78), (55, 56, 58), (100, 102, 104), (90, 98, 104), (120, 124, 128)),
    "tile": ((190, 200, 205), (150, 155, 158), (110, 125, 140), (60, 62, 66), (125, 150, 172), (170, 165, 150)),
    "mat": ((62, 60, 60), (45, 44, 46), (80, 80, 82), (95, 70, 45), (40, 40, 40)),
}
MAT_SURROUNDS: Tuple[Colour, ...] = (
    (205, 175, 45),
    (190, 160, 70),
    (90, 130, 70),
    (120, 120, 120),
    (60, 60, 150),
    (160, 120, 90),
)


def contrasts(a: Colour, b: Colour, least: float = 62.0) -> bool:
    """Whether two colours can be told apart on a small noisy picture."""
    d = np.subtract(a, b)
    return float(max(np.abs(d).max(), abs(d @ (0.114, 0.587, 0.299)) * 1.4)) >= least


def material(name: str, base: Colour, width: int, height: int, ppm: float, rng: np.random.Generator) -> np.ndarray:
    """(height, width, 3) uint8: the bare floor, lit evenly."""
    size = round(_TILE_M * ppm)
    shade, tint = _MATERIALS[name](size, ppm, rng)
    tile = np.empty((size, size, 3), np.float32)
    for channel in range(3):
        tile[..., channel] = base[channel] * (1.0 + shade) + tint * (8.0, 0.0, -8.0)[channel]
    tile = np.clip(tile, 0, 255).astype(np.uint8)
    shift = rng.integers(0, size, 2)
    tile = np.roll(tile, shift, (0, 1))
    tile = np.ascontiguousarray(np.rot90(tile)) if rng.random() < 0.5 else tile
    return np.ascontiguousarray(np.tile(tile, (height // size + 1, width // size + 1, 1))[:height, :width])


def light(width: int, height: int, ppm: float, rng: np.random.Generator, sun: float) -> np.ndarray:
    """(height, width) uint8 gain, 128 = 1: pools of lamp light, shadows, and with chance `sun` window light."""
    w, h = max(width // 16, 8), max(height // 16, 8)
    pools = cv2.resize(rng.normal(0, 1, (6, 8)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    gain = 1.0 + rng.uniform(0.03, 0.13) * pools
    if rng.random() < sun:
        gain += _sun_patches(w, h, ppm / 16, rng)
    for _ in range(rng.integers(0, 4)):  # shadows of things and people
        spot = np.zeros((h, w), np.float32)
        centre = (int(rng.integers(w)), int(rng.integers(h)))
        axes = (int(rng.uniform(0.2, 0.8) * ppm / 16) + 1, int(rng.uniform(0.1, 0.4) * ppm / 16) + 1)
        cv2.ellipse(spot, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        gain *= 1.0 - rng.uniform(0.1, 0.35) * cv2.GaussianBlur(spot, (0, 0), rng.uniform(1, 3))
    small = np.clip(gain * 128, 0, 255).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _sun_patches(w: int, h: int, ppm: float, rng: np.random.Generator) -> np.ndarray:
    patch = np.zeros((h, w), np.float32)
    along, skew = rng.uniform(0, np.pi), rng.uniform(0.3, 1.0)
    step = np.array([np.cos(along), np.sin(along)])
    side = np.array([-step[1], step[0]]) * rng.uniform(0.5, 1.4) + step * skew
    first = rng.uniform((0, 0), (w, h))
    for k in range(rng.integers(1, 5)):
        corner = first + k * step * 1.1 * ppm
        quad = np.stack([corner, corner + step * 0.8 * ppm, corner + (step * 0.8 + side) * ppm, corner + side * ppm])
        cv2.fillConvexPoly(patch, quad.round().astype(np.int32), 1.0)
    return cv2.GaussianBlur(patch, (0, 0), 0.8) * rng.uniform(0.25, 0.9)


def _noise(size: int, sigma_x: float, sigma_y: float, rng: np.random.Generator) -> np.ndarray:
    """Tileable (size, size) float32 noise of unit deviation, smoothed by sigma_x, sigma_y pixels."""
    raw = rng.standard_normal((size, size), np.float32)
    if sigma_x <= 0 and sigma_y <= 0:
        return raw
    edge = int(min(3 * max(sigma_x, sigma_y) + 1, size))
    wide = cv2.copyMakeBorder(raw, edge, edge, edge, edge, cv2.BORDER_WRAP)
    smooth = cv2.GaussianBlur(wide, (0, 0), max(sigma_x, 1e-3), sigmaY=max(sigma_y, 1e-3))[edge:-edge, edge:-edge]
    return smooth / (smooth.std() + 1e-6)


def _wood(size: int, ppm: float, rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    planks = 24
    row = np.arange(size) * planks // size
    tone = rng.normal(0, rng.uniform(0.03, 0.10), planks).astype(np.float32)
    shade = _noise(size, 0.05 * ppm, 0.6, rng) * 0.04 + _noise(size, 0.15 * ppm, 3.0, rng) * 0.03 + tone[row][:, None]
    edge = (np.arange(size) * planks % size) < planks * max(1.0, 0.004 * ppm)
    shade[edge] -= 0.35
    for plank in range(planks):  # plank ends
        for end in rng.integers(0, size, 2):
            shade[row == plank, end : end + max(1, int(0.004 * ppm))] -= 0.3
    return shade, tone[row][:, None] * np.ones((1, size), np.float32) * 8


def _carpet(size: int, ppm: float, rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    shade = _noise(size, 0.0, 0.0, rng) * rng.uniform(0.04, 0.14) + _noise(size, 2.0, 2.0, rng) * 0.05
    if rng.random() < 0.4:  # carpet tiles laid in alternating directions
        cell = (np.arange(size) * 4 // size) % 2
        shade += (cell[:, None] ^ cell[None, :]) * rng.uniform(0.02, 0.10)
    return shade, _noise(size, 1.0, 1.0, rng) * 0.12


def _asphalt(size: int, ppm: float, rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    grain = _noise(size, 0.8, 0.8, rng)
    shade = grain * 0.08 + (grain > 2.0) * 0.25 + _noise(size, 0.04 * ppm, 0.04 * ppm, rng) * 0.03
    if rng.random() < 0.5:  # hairline cracks
        for _ in range(rng.integers(1, 4)):
            walk = np.cumsum(rng.normal(0, 0.02 * ppm, (30, 2)) + rng.normal(0, 0.02 * ppm, 2), 0)
            points = (rng.uniform(0, size, 2) + walk).round().astype(np.int32)
            cv2.polylines(shade, [points], False, -0.3, 1, cv2.LINE_AA)
    return shade.astype(np.float32), _noise(size, 3, 3, rng) * 0.1


def _tile(size: int, ppm: float, rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    count = int(rng.choice([4, 5, 7]))
    cell = np.arange(size) * count // size
    tone = rng.normal(0, rng.uniform(0.01, 0.06), (count, count)).astype(np.float32)
    shade = tone[cell][:, cell] + _noise(size, 0.03 * ppm, 0.03 * ppm, rng) * rng.uniform(0.01, 0.05)
    grout = (np.arange(size) * count % size) < count * max(1.0, rng.uniform(0.003, 0.008) * ppm)
    depth = rng.choice([-0.35, -0.2, 0.15])
    shade[grout] = depth
    shade[:, grout] = depth
    return shade, _noise(size, 0.1 * ppm, 0.1 * ppm, rng) * 0.3


def _mat(size: int, ppm: float, rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    shade = _noise(size, 0.0, 0.0, rng) * 0.015 + _noise(size, 0.05 * ppm, 0.05 * ppm, rng) * 0.015
    crease = np.zeros((size, size), np.float32)
    for _ in range(rng.integers(3, 10)):
        a, angle = rng.uniform(0, size, 2), rng.uniform(0, np.pi)
        b = a + np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.3, 1.5) * ppm
        line = (tuple(int(v) for v in a), tuple(int(v) for v in b))
        cv2.line(crease, *line, float(rng.uniform(0.5, 1.5)), int(0.02 * ppm) + 1, cv2.LINE_AA)
    crease = cv2.GaussianBlur(crease, (0, 0), 0.018 * ppm)
    shade += rng.uniform(0.5, 2.0) * cv2.Sobel(crease, cv2.CV_32F, 1, 1, ksize=3)  # lit on one side of the fold
    shade += rng.uniform(0.02, 0.12) * crease
    seam = int(rng.uniform(0, size))
    shade[:, seam : seam + 2] -= 0.3
    shade[:, seam + 2 : seam + 4] += 0.15
    return shade, np.zeros((size, size), np.float32)


_MATERIALS = {"wood": _wood, "carpet": _carpet, "asphalt": _asphalt, "tile": _tile, "mat": _mat}
