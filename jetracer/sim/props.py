"""Things that stand on the floor: flat pictures that turn to the camera, and boards along a line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import List, Tuple

import cv2
import numpy as np

from jetracer.sim.panorama import tint
from jetracer.sim.track import Track

Colour = Tuple[float, float, float]  # BGR

_BOARD_STEP_M = 0.07  # boards bend on the picture of a wide lens: they are drawn in pieces this long
_PALETTES: Tuple[Tuple[Colour, ...], ...] = (
    ((48, 38, 150), (215, 218, 220)),  # red and white
    ((48, 38, 150), (215, 218, 220)),
    ((215, 218, 220),),
    ((48, 38, 150),),
    ((110, 150, 185),),  # plywood
    ((215, 218, 220), (40, 38, 38)),
    ((150, 80, 30), (215, 218, 220)),
    ((60, 60, 60),),
)


@dataclass(frozen=True, eq=False)
class Board:
    """A low wall: `foot` (n, 2) metres along its base, upright, `height_m` high."""

    foot: np.ndarray
    height_m: float
    colour: Colour
    lettering: Tuple[Tuple[float, float, float, float, Colour], ...]  # (from, to, low, high as fractions, colour)
    posts: bool

    @cached_property
    def outline(self) -> np.ndarray:
        """(2n, 3) metres: along the foot, and back along the rim."""
        foot = np.concatenate([self.foot, np.zeros((len(self.foot), 1))], 1)
        return np.concatenate([foot, foot[::-1] + (0, 0, self.height_m)])

    @cached_property
    def details(self) -> Tuple[np.ndarray, List[Tuple[int, Tuple[float, ...]]]]:
        """The corners (4m, 3) metres of quads on the board, and how many of them in turn have which colour (BGRA)."""
        pieces = np.linspace(0, 1, len(self.foot))
        quads = [self._quad(a, b, 0.93, 1.0) for a, b in zip(pieces[:-1], pieces[1:])]  # the lit rim
        runs = [(len(quads), (*(min(1.2 * c, 255.0) for c in self.colour), 255.0))]
        if self.lettering:
            quads += [self._quad(*letter[:4]) for letter in self.lettering]
            runs.append((len(self.lettering), (*self.lettering[0][4], 255.0)))
        if self.posts:
            quads.append(self._quad(0.0, 0.04, 0.0, 1.1))
            runs.append((1, (32.0, 30.0, 30.0, 255.0)))
        return np.concatenate(quads), runs

    def _quad(self, first: float, last: float, low: float, high: float) -> np.ndarray:
        at, index = np.array([first, last, last, first]) * (len(self.foot) - 1), np.arange(len(self.foot))
        x, y = (np.interp(at, index, self.foot[:, axis]) for axis in (0, 1))
        return np.stack([x, y, np.array([low, low, high, high]) * self.height_m], 1)


@dataclass(frozen=True, eq=False)
class Billboard:
    """A picture `pyramid` (BGRA, premultiplied, each level half the size of the one before) at (x, y), upright."""

    x_m: float
    y_m: float
    width_m: float
    height_m: float
    pyramid: Tuple[np.ndarray, ...]


def lane_boards(track: Track, rng: np.random.Generator) -> List[Board]:
    """Low boards along both edges of the lane."""
    palette = _PALETTES[rng.integers(len(_PALETTES))]
    same = rng.random() < 0.5
    other = palette if same else _PALETTES[rng.integers(len(_PALETTES))]
    height = rng.uniform(0.06, 0.13)
    letters, posts = rng.random() < 0.5, rng.random() < 0.6
    left = _row(track.left_edge, height, palette, letters, posts, rng)
    return left + _row(track.right_edge, height, other, letters, posts, rng)


def fences(track: Track, rng: np.random.Generator) -> List[Board]:
    """Banners and boards farther out, with gaps, never on the lane."""
    out = track.half_width_m + rng.uniform(0.3, 0.8)
    height = float(rng.choice([0.1, 0.2, 0.45, 0.7]))
    palette = _PALETTES[rng.integers(len(_PALETTES))]
    rows: List[Board] = []
    for side in (1.0, -1.0):
        line = track.centre + side * out * track.normal
        rows += _row(line, height, palette, True, rng.random() < 0.5, rng, rng.uniform(0.3, 0.9), 1.5)
    keep = track.half_width_m + 0.25
    return [b for b in rows if _clear(track, b.foot, keep)]


def _clear(track: Track, points: np.ndarray, least_m: float) -> bool:
    away = points[:, None, :] - track.centre[None, ::3, :]
    return bool((away**2).sum(2).min() > least_m**2)


def _row(
    line: np.ndarray,
    height: float,
    palette: Tuple[Colour, ...],
    letters: bool,
    posts: bool,
    rng: np.random.Generator,
    missing: float = 0.0,
    stretch: float = 1.0,
) -> List[Board]:
    """Boards end to end along a closed line, or with the share `missing` left out."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(np.vstack([line, line[:1]]), axis=0), axis=1))])
    closed = np.vstack([line, line[:1]])
    boards: List[Board] = []
    start, k = 0.0, int(rng.integers(2))
    while start < along[-1] - 0.05:
        end = min(start + stretch * rng.uniform(0.4, 0.95), along[-1])
        if rng.random() >= missing:
            at = np.linspace(start, end - 0.004, max(2, int((end - start) / _BOARD_STEP_M) + 1))
            foot = np.stack([np.interp(at, along, closed[:, 0]), np.interp(at, along, closed[:, 1])], 1)
            colour = palette[k % len(palette)] if rng.random() < 0.85 else palette[rng.integers(len(palette))]
            boards.append(_board(foot, height, colour, letters, posts, rng))
        start, k = end, k + 1
    return boards


def _board(
    foot: np.ndarray, height: float, colour: Colour, letters: bool, posts: bool, rng: np.random.Generator
) -> Board:
    way = foot[-1] - foot[0]
    way = way / (np.linalg.norm(way) + 1e-9)
    shade = (0.88 + 0.16 * way[0]) * rng.uniform(0.93, 1.05)  # lit from one side of the room
    lettering: Tuple[Tuple[float, float, float, float, Colour], ...] = ()
    if letters and rng.random() < 0.45:
        dark = sum(colour) / 3 < 120
        ink = (205.0, 205.0, 210.0) if dark else (float(rng.uniform(20, 90)), 40.0, float(rng.uniform(30, 170)))
        first, count, size = rng.uniform(0.1, 0.35), int(rng.integers(3, 8)), rng.uniform(0.05, 0.085)
        lettering = tuple(
            (first + i * size, first + (i + rng.uniform(0.5, 0.8)) * size, 0.3, 0.72, ink) for i in range(count)
        )
    toned = tuple(float(min(c * shade, 255)) for c in colour)
    return Board(foot, height, toned, lettering, posts and rng.random() < 0.7)


def billboards(track: Track, rng: np.random.Generator) -> List[Billboard]:
    """A few things beside the lane; none closer to it than a car needs to pass."""
    things: List[Billboard] = []
    half = np.array(track.floor_size) / 2
    for _ in range(int(rng.integers(0, 10))):
        spot = rng.uniform(-half * 0.98, half * 0.98)
        name = list(_PICTURES)[rng.integers(len(_PICTURES))]
        wide, high = _PICTURES[name][1]
        scale = rng.uniform(0.75, 1.3)
        if _clear(track, spot[None], track.half_width_m + 0.12 + 0.5 * wide * scale):
            picture = _PICTURES[name][0](rng)
            things.append(Billboard(float(spot[0]), float(spot[1]), wide * scale, high * scale, _pyramid(picture)))
    return things


def _pyramid(picture: np.ndarray) -> Tuple[np.ndarray, ...]:
    alpha = picture[..., 3:].astype(np.float32) / 255
    levels = [np.dstack([(picture[..., :3] * alpha).astype(np.uint8), picture[..., 3]])]
    while min(levels[-1].shape[:2]) >= 16:
        h, w = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    return tuple(levels)


def _blank(wide: int, high: int) -> np.ndarray:
    return np.zeros((high, wide, 4), np.uint8)


def _any(rng: np.random.Generator, low: float = 20, high: float = 220, saturation: float = 0.9) -> Tuple[float, ...]:
    return tint(rng, low, high, saturation) + (255.0,)


def _cone(rng: np.random.Generator) -> np.ndarray:
    image = _blank(96, 128)
    tone = rng.uniform(0.6, 1.0)
    orange, white = (30 * tone, 90 * tone, 245 * tone, 255), (235 * tone,) * 3 + (255,)
    cv2.fillConvexPoly(image, np.array([[42, 4], [54, 4], [80, 116], [16, 116]]), orange, cv2.LINE_AA)
    cv2.fillConvexPoly(image, np.array([[37, 40], [59, 40], [66, 70], [30, 70]]), white, cv2.LINE_AA)
    cv2.rectangle(image, (4, 114), (92, 126), orange, -1)
    return image


def _box(rng: np.random.Generator) -> np.ndarray:
    image = _blank(128, 96)
    face = np.array(_any(rng, 40, 200, 0.4))
    cv2.rectangle(image, (2, 2), (86, 94), face.tolist(), -1)
    cv2.rectangle(image, (86, 2), (126, 94), (face * (0.6, 0.6, 0.6, 1)).tolist(), -1)
    cv2.rectangle(image, (2, 40), (86, 50), (face * (0.85, 0.9, 0.95, 1)).tolist(), -1)
    for _ in range(rng.integers(0, 5)):
        x, y = int(rng.integers(8, 60)), int(rng.integers(8, 80))
        cv2.rectangle(image, (x, y), (x + int(rng.integers(5, 25)), y + int(rng.integers(3, 10))), _any(rng), -1)
    return image


def _roll(rng: np.random.Generator) -> np.ndarray:
    image = _blank(96, 96)
    base = np.array(_any(rng, 150, 240, 0.1))
    for x in range(4, 92):
        tone = 0.55 + 0.45 * np.sin(np.pi * (x - 2) / 96) ** 0.7
        cv2.line(image, (x, 6), (x, 92), (base * (tone, tone, tone, 1)).tolist(), 1)
    cv2.ellipse(image, (48, 8), (44, 7), 0, 0, 360, (base * (0.9, 0.9, 0.9, 1)).tolist(), -1)
    return image


def _chair(rng: np.random.Generator) -> np.ndarray:
    image = _blank(112, 224)
    frame = _any(rng, 15, 150, 0.2)
    for x in (8, 24, 84, 100):
        cv2.line(image, (x, 100), (x + (6 if x < 50 else -6), 222), frame, 5, cv2.LINE_AA)
    cv2.rectangle(image, (2, 92), (110, 106), _any(rng, 15, 180), -1)
    cv2.rectangle(image, (8, 2), (104, 50), _any(rng, 15, 180), -1)
    cv2.line(image, (10, 50), (10, 95), frame, 5)
    cv2.line(image, (102, 50), (102, 95), frame, 5)
    return image


def _person(rng: np.random.Generator) -> np.ndarray:
    image = _blank(96, 256)
    trousers, shoe = _any(rng, 15, 100, 0.3), _any(rng, 10, 230, 0.2)
    spread = int(rng.integers(0, 14))
    for x, way in ((30, -1), (62, 1)):
        cv2.line(image, (x, 110), (x + way * spread, 244), trousers, 24, cv2.LINE_AA)
        cv2.ellipse(image, (x + way * (spread + 4), 246), (18, 8), 0, 0, 360, shoe, -1, cv2.LINE_AA)
    cv2.rectangle(image, (14, 0), (80, 116), _any(rng, 15, 200), -1)
    return image


def _plant(rng: np.random.Generator) -> np.ndarray:
    image = _blank(96, 160)
    for _ in range(60):
        tip = (int(rng.normal(48, 22)), int(rng.uniform(4, 90)))
        green = (20 + 40 * rng.random(), 50 + 90 * rng.random(), 20 + 50 * rng.random(), 255)
        cv2.line(image, (48, 112), tip, green, int(rng.integers(2, 7)), cv2.LINE_AA)
    cv2.fillConvexPoly(image, np.array([[24, 108], [72, 108], [66, 158], [30, 158]]), _any(rng, 40, 200), cv2.LINE_AA)
    return image


_PICTURES = {
    "cone": (_cone, (0.16, 0.22)),
    "box": (_box, (0.40, 0.30)),
    "roll": (_roll, (0.11, 0.10)),
    "chair": (_chair, (0.45, 0.90)),
    "person": (_person, (0.45, 1.20)),
    "plant": (_plant, (0.30, 0.50)),
}
