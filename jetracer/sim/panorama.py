"""The room around the track as one strip: all azimuths, from a little below the horizon to well above it."""

from __future__ import annotations

import math
from typing import Tuple

import cv2
import numpy as np

WIDTH = 2048  # pixels for 360 degrees
PX_PER_RAD = WIDTH / (2 * math.pi)
LOWEST_RAD = math.radians(-10.0)
HEIGHT = 480
HIGHEST_RAD = LOWEST_RAD + HEIGHT / PX_PER_RAD

Colour = Tuple[float, float, float]  # BGR


def row_of(elevation_rad: float) -> int:
    """The strip's row of an elevation."""
    return round((HIGHEST_RAD - elevation_rad) * PX_PER_RAD)


def build(rng: np.random.Generator, outdoors: bool, floor: Colour, foot_rad: float) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 BGR; column 0 looks along +x of the world, columns grow clockwise.

    foot_rad   elevation (a little below 0) where the floor ends and walls and furniture begin
    """
    strip = _Strip(rng)
    if outdoors:
        _outdoors(strip, math.degrees(foot_rad))
    else:
        _room(strip, floor, math.degrees(foot_rad))
    image = strip.image
    grain = rng.normal(0, 1, (HEIGHT // 2, WIDTH // 4, 1)).astype(np.float32)
    grain = cv2.resize(grain, (WIDTH, HEIGHT))[..., None] * rng.uniform(1, 5)
    image = cv2.GaussianBlur(image + grain, (0, 0), 1.0)
    glare = np.clip(image - 215, 0, None)
    if glare.max() > 0:
        image += cv2.GaussianBlur(glare, (0, 0), 9) * 1.6
    seam = np.linspace(0, 1, 24, dtype=np.float32)[None, :, None]  # the last columns flow into the first
    image[:, -24:] = image[:, -24:] * (1 - seam) + image[:, :1] * seam
    return np.clip(image, 0, 255).astype(np.uint8)


# Colours that rooms are full of: wood, cardboard, steel, cloth; pure grey most of all. BGR, mean 1.
_TINTS = np.array(
    [
        (1, 1, 1),
        (1, 1, 1),
        (1, 1, 1),
        (0.55, 0.95, 1.5),
        (0.75, 1.0, 1.25),
        (0.85, 1.0, 1.15),
        (1.5, 0.9, 0.6),
        (1.2, 1.0, 0.8),
        (0.5, 0.6, 1.9),
        (0.8, 1.3, 0.9),
        (0.4, 1.2, 1.4),
        (1.15, 0.95, 0.9),
    ]
)


def tint(rng: np.random.Generator, low: float, high: float, saturation: float) -> Colour:
    """A random everyday colour; saturation 0 is grey, 1 as pure as things in rooms are."""
    share = saturation * rng.random()
    colour = rng.uniform(low, high) * (1 - share + share * _TINTS[rng.integers(len(_TINTS))])
    return tuple(float(c) for c in np.clip(colour, 0, 255))


class _Strip:
    """Draws by azimuth column and elevation in degrees."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.image = np.zeros((HEIGHT, WIDTH, 3), np.float32)

    @staticmethod
    def row(elevation_deg: float) -> int:
        return row_of(math.radians(elevation_deg))

    def box(self, x: float, wide: float, low_deg: float, high_deg: float, colour: Colour) -> None:
        a, b = (int(x), self.row(high_deg)), (int(x + max(wide, 1)) - 1, self.row(low_deg) - 1)
        for shift in (0, -WIDTH):  # things that cross the strip's end go on at its start
            cv2.rectangle(self.image, (a[0] + shift, a[1]), (b[0] + shift, b[1]), colour, -1)

    def colour(self, low: float = 15, high: float = 220, saturation: float = 0.6) -> Colour:
        return tint(self.rng, low, high, saturation)

    def column(self) -> float:
        return float(self.rng.uniform(0, WIDTH))


def _room(strip: _Strip, floor: Colour, foot: float) -> None:
    rng, image = strip.rng, strip.image
    wall = strip.colour(60, 215, 0.3)
    image[:] = wall
    tone = np.interp(np.arange(WIDTH), np.linspace(0, WIDTH, 9), np.append(t := rng.uniform(0.7, 1.12, 8), t[0]))
    image *= tone.astype(np.float32)[None, :, None]
    image *= np.linspace(1.12, 0.8, HEIGHT, dtype=np.float32)[:, None, None]
    _ceiling(strip)
    image[strip.row(foot) :] = np.multiply(floor, 0.8)
    strip.box(0, WIDTH, foot, foot + rng.uniform(0.3, 1.0), strip.colour(20, 200, 0.1))
    for _ in range(rng.integers(0, 5)):
        _window(strip)
    for _ in range(rng.integers(0, 7)):  # pillars and doors
        strip.box(strip.column(), rng.uniform(12, 70), foot, rng.uniform(12, 50), strip.colour(40, 210, 0.3))
    for _ in range(rng.integers(0, 12)):
        _poster(strip)
    for _ in range(rng.integers(10, 50)):
        _furniture(strip, foot)
    for _ in range(rng.integers(0, 250)):  # small things
        low = foot + rng.gamma(1.5, 2.2)
        strip.box(strip.column(), rng.uniform(2, 22), low, low + rng.uniform(0.2, 2.2), strip.colour(10, 230, 0.9))
    for _ in range(rng.integers(0, 10)):
        _person(strip, foot)
    for _ in range(rng.integers(0, 40)):
        _legs(strip, foot)


def _ceiling(strip: _Strip) -> None:
    rng = strip.rng
    edge = rng.uniform(18, 45)
    tone = rng.uniform(60, 225)
    strip.box(0, WIDTH, edge, 80, (tone, tone, tone))
    lamp = rng.uniform(215, 255)
    for _ in range(rng.integers(2, 18)):
        low = rng.uniform(edge + 1, 65)
        strip.box(strip.column(), rng.uniform(20, 160), low, low + rng.uniform(1, 5), (lamp, lamp, lamp))
    for _ in range(rng.integers(0, 12)):  # beams, pipes
        strip.box(strip.column(), rng.uniform(4, 14), rng.uniform(5, edge), 80, strip.colour(40, 200, 0.1))


def _window(strip: _Strip) -> None:
    """Blown out more often than not."""
    rng, x = strip.rng, strip.column()
    low, high = rng.uniform(0, 10), rng.uniform(16, 50)
    pane = rng.uniform(30, 110)
    level = rng.uniform(190, 300)
    bar = strip.colour(30, 200, 0.1)
    for k in range(rng.integers(1, 6)):
        left = x + k * (pane + 5)
        strip.box(left - 3, pane + 6, low, high, bar)
        strip.box(left, pane, low + 0.5, high - 0.5, (level, level * 0.985, level * 0.96))
        if rng.random() < 0.5:
            strip.box(left, pane, (low + high) / 2, (low + high) / 2 + 0.6, bar)


def _poster(strip: _Strip) -> None:
    rng, x, wide = strip.rng, strip.column(), strip.rng.uniform(15, 110)
    low = rng.uniform(-0.5, 12)
    high = low + rng.uniform(3, 11)
    strip.box(x, wide, low, high, strip.colour(120, 245, 0.25))
    for _ in range(rng.integers(2, 9)):  # lettering
        at = rng.uniform(low + 0.5, high - 1.0)
        inset = rng.uniform(0.05, 0.4) * wide
        strip.box(x + inset, rng.uniform(0.2, 0.5) * wide, at, at + rng.uniform(0.3, 1.4), strip.colour(10, 150, 1.0))


def _furniture(strip: _Strip, foot: float) -> None:
    rng, x, wide = strip.rng, strip.column(), strip.rng.uniform(12, 130)
    low = foot - rng.uniform(0, 0.3)
    high = low + rng.gamma(2.0, 3.2) + 1.5
    colour = strip.colour(15, 190, 0.8)
    strip.box(x, wide, low, high, colour)
    strip.box(x, wide, low, low + 0.4, tuple(0.4 * c for c in colour))
    for _ in range(rng.integers(0, 8)):  # shelves, drawers, things on them
        at = rng.uniform(low + 0.5, high)
        strip.box(
            x + rng.uniform(0, 0.6) * wide,
            rng.uniform(0.1, 0.4) * wide,
            at,
            at + rng.uniform(0.3, 2.0),
            strip.colour(10, 230, 1.0),
        )


def _person(strip: _Strip, foot: float) -> None:
    rng, x = strip.rng, strip.column()
    size = rng.uniform(0.5, 1.6)  # 1: some 4 m away
    low = foot - 0.2
    trousers, top, skin = strip.colour(15, 90, 0.3), strip.colour(15, 200, 0.5), (120, 150, 200)
    for leg in (0, 7):
        strip.box(x + leg * size * 1.6, 8 * size, low, low + 11 * size, trousers)
        strip.box(x + leg * size * 1.6 - 1, 10 * size, low - 0.2, low + 0.9 * size, strip.colour(10, 230, 0.2))
    strip.box(x - 2 * size, 25 * size, low + 11 * size, low + 20 * size, top)
    strip.box(x + 6 * size, 9 * size, low + 20.5 * size, low + 24 * size, skin)


def _legs(strip: _Strip, foot: float) -> None:
    """Legs of tables and chairs, tripods, cables: thin and upright."""
    rng, x = strip.rng, strip.column()
    high, colour = foot + rng.uniform(2, 9), strip.colour(10, 170, 0.2)
    for k in range(rng.integers(1, 4)):
        strip.box(x + k * rng.uniform(8, 40), rng.uniform(2, 5), foot - 0.2, high, colour)


def _outdoors(strip: _Strip, foot: float) -> None:
    rng, image = strip.rng, strip.image
    zenith, haze = np.array([230, 185, 140]) * rng.uniform(0.7, 1.05), np.full(3, rng.uniform(190, 255))
    share = np.linspace(1, 0, HEIGHT, dtype=np.float32)[:, None] ** 0.7
    image[:] = (share * zenith + (1 - share) * haze)[:, None, :]
    cloud = cv2.resize(rng.normal(0, 1, (10, 24)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image += np.clip(cloud, 0, None)[..., None] * rng.uniform(5, 40)
    for layer in range(3):  # far hedge, trees, near hedge
        top = 3.0 + 3.0 * (2 - layer) * rng.random() + np.abs(_ragged(rng, 1.0 + 2.0 * (2 - layer)))
        green = strip.colour(35, 95, 0.1)
        green = (green[0] * 0.6, green[1] * 1.1, green[2] * 0.8)
        for x in range(0, WIDTH, 4):
            strip.box(x, 4, -10, float(top[x]) - layer, tuple(c * rng.uniform(0.75, 1.2) for c in green))
    for _ in range(rng.integers(1, 9)):
        x, wide, high = strip.column(), rng.uniform(30, 250), rng.uniform(4, 22)
        strip.box(x, wide, -1, high, strip.colour(70, 220, 0.2))
        for k in range(rng.integers(0, 10)):
            strip.box(x + wide * (k + 0.3) / 10, wide * 0.05, high * 0.5, high * 0.75, strip.colour(20, 90, 0.2))
    image[strip.row(foot) :] = strip.colour(70, 130, 0.2)
    for _ in range(rng.integers(0, 6)):
        _person(strip, foot)


def _ragged(rng: np.random.Generator, size: float) -> np.ndarray:
    coarse = np.cumsum(rng.normal(0, 1, 128))
    coarse -= np.linspace(0, coarse[-1], 128)
    return np.interp(np.arange(WIDTH), np.linspace(0, WIDTH, 128), coarse) * 0.2 * size + rng.normal(0, 0.2, WIDTH)
