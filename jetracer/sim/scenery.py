"""All that does not move: one floor, one room, the things on the floor. Built once per track, shared by renderers."""

from __future__ import annotations

from typing import List, Optional, Tuple

import cv2
import numpy as np

from jetracer.sim import floor, markings, panorama, props
from jetracer.sim.track import Track

LEVELS = 7  # of the floor pyramid; the coarsest texel is 64 of the finest
DEFAULT_PPM = 256.0
_FADE_M = 0.5  # the floor's rim fades to one colour, which then goes on for ever


class Scenery:
    """The surroundings of one track.

    seed  other materials, colours and room for the same track (default: the track's own)
    ppm   pixels per metre of the floor picture

    atlas        (h, w, 4) uint8: the floor picture and its halvings side by side; level_x, level_y say where
    origin_m     (x, y) of the floor picture's middle is the world's origin; size_m its extent
    panorama     (rows, 2 * panorama.WIDTH + 1, 4) uint8: the strip twice over, so that any view is one cut
    foot_rad     elevation, just below the horizon, where the floor ends and the panorama begins
    glow         the panorama's bright parts, blurred, at a quarter of its size: what a glossy floor mirrors
    boards, billboards   what stands on the floor
    """

    def __init__(self, track: Track, seed: Optional[int] = None, ppm: float = DEFAULT_PPM) -> None:
        rng = np.random.default_rng([track.seed, 0x5CE7E, *([] if seed is None else [seed])])
        self.track, self.ppm = track, ppm
        paint = markings.choose_paint(track.marking, rng)
        self.floor_colour = _floor_colour(track, paint, rng)
        outdoors = track.floor == "asphalt" and rng.random() < 0.5
        image = self._floor(paint, outdoors, rng)
        self.size_m = (image.shape[1] / ppm, image.shape[0] / ppm)
        self.atlas, self.level_x, self.level_y = _atlas(image)
        self.foot_rad = -float(rng.uniform(0.007, 0.02))
        strip = panorama.build(rng, outdoors, self.floor_colour, self.foot_rad)
        self.panorama = _twice(strip)
        self.glow = _twice(_glow(strip))
        self.boards: List[props.Board] = props.lane_boards(track, rng) if track.marking == "walls" else []
        if rng.random() < 0.35:
            self.boards += props.fences(track, rng)
        self.billboards: List[props.Billboard] = props.billboards(track, rng)
        self.mean_luma = _mean_luma(image, strip)

    def _floor(self, paint: markings.Paint, outdoors: bool, rng: np.random.Generator) -> np.ndarray:
        track, ppm = self.track, self.ppm
        unit = 1 << (LEVELS - 1)
        width, height = (int(-(-side * ppm // unit)) * unit for side in track.floor_size)
        image = floor.material(track.floor, self.floor_colour, width, height, ppm, rng)
        if track.floor == "mat" and rng.random() < 0.6:
            around = [c for c in floor.MAT_SURROUNDS if all(floor.contrasts(c, p) for p in paint.colours)]
            if around:
                markings.surround(image, track, around[rng.integers(len(around))], ppm)
        markings.draw(image, track, paint, ppm, rng)
        gain = floor.light(width, height, ppm, rng, sun=0.6 if outdoors else 0.3)
        cv2.multiply(image, cv2.merge([gain, gain, gain]), image, 1 / 128)
        return _fade_rim(image, int(_FADE_M * ppm))


def _floor_colour(track: Track, paint: markings.Paint, rng: np.random.Generator) -> floor.Colour:
    """One of the material's colours on which the lane can be seen."""
    palette = floor.PALETTES[track.floor]
    picks = np.array(palette)[rng.integers(0, len(palette), 24)]
    picks = picks * rng.uniform(0.75, 1.15, (24, 1)) * rng.normal(1.0, 0.04, (24, 3))
    tries = [tuple(float(min(c, 245.0)) for c in pick) for pick in picks]
    if track.marking == "walls":
        return tries[0]
    fit = [c for c in tries if all(floor.contrasts(c, p) for p in paint.colours)]
    return fit[0] if fit else (50.0, 50.0, 52.0)


def _fade_rim(image: np.ndarray, rim: int) -> np.ndarray:
    """The outermost pixels flow into one colour: beyond the picture the floor goes on in it, without an edge."""
    h, w = image.shape[:2]
    mean = cv2.mean(image)[:3]
    near = np.minimum(np.arange(w), np.arange(w)[::-1])[None, :], np.minimum(np.arange(h), np.arange(h)[::-1])[:, None]
    for strip in (np.s_[:rim], np.s_[h - rim :], np.s_[rim : h - rim, :rim], np.s_[rim : h - rim, w - rim :]):
        rows, columns = strip if isinstance(strip, tuple) else (strip, np.s_[:])
        depth = np.minimum(near[1][rows], near[0][:, columns]).astype(np.float32) - 2
        share = np.clip(depth / rim, 0, 1)[..., None]
        image[rows, columns] = image[rows, columns] * share + np.float32(mean) * (1 - share)
    return image


def _atlas(image: np.ndarray) -> Tuple[np.ndarray, List[int], List[int]]:
    """The picture with all its halvings to its right, and the left and top of each level."""
    h, w = image.shape[:2]
    atlas = np.zeros((h, w + w // 2, 4), np.uint8)
    level, xs, ys = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), [0], [0]
    atlas[:h, :w] = level
    y = 0
    for _ in range(1, LEVELS):
        level = cv2.resize(level, (level.shape[1] // 2, level.shape[0] // 2), interpolation=cv2.INTER_AREA)
        atlas[y : y + level.shape[0], w : w + level.shape[1]] = level
        xs.append(w)
        ys.append(y)
        y += level.shape[0]
    return atlas, xs, ys


def _twice(strip: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.hstack([strip, strip, strip[:, :1]]), cv2.COLOR_BGR2BGRA)


def _glow(strip: np.ndarray) -> np.ndarray:
    small = cv2.resize(strip, (strip.shape[1] // 4, strip.shape[0] // 4), interpolation=cv2.INTER_AREA)
    bright = cv2.subtract(small, (90, 90, 90, 0))
    return cv2.GaussianBlur(bright, (0, 0), 1.2, sigmaY=5.0)


def _mean_luma(image: np.ndarray, strip: np.ndarray) -> float:
    """Roughly what an exposure meter sees: two thirds floor, one third room."""
    weights = np.array([0.114, 0.587, 0.299])
    room = strip[panorama.row_of(0.5) : panorama.row_of(0.0), ::8]
    return float((np.array(cv2.mean(image)[:3]) * 0.67 + room.reshape(-1, 3).mean(0) * 0.33) @ weights)
