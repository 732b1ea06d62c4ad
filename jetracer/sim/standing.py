"""Draws what stands on the floor, far things first: boards as polygons, flat pictures turned to the camera."""

from __future__ import annotations

import math
from typing import Dict, List, Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import CameraModel, Lens
from jetracer.sim.props import Billboard, Board
from jetracer.sim.scenery import Scenery

_SHIFT = 4
_REACH_M = 6.0
_WIDEST_RAD = math.radians(110.0)


class WideProjection:
    """A lens that answers for every direction: where the real one is blind, its picture is stretched on evenly.

    Polygons that reach out of the picture, or behind the camera, then need no clipping.
    """

    def __init__(self, lens: Lens) -> None:
        self._lens = lens
        self._theta = np.linspace(0.0, math.pi, 361)
        sine, cosine = np.sin(self._theta), np.cos(self._theta)
        radius = (lens.project(np.stack([sine, 0 * sine, cosine], 1))[:, 0] - lens.cx) / lens.fx
        half = lens.half_fov_rad
        limit = (half if math.isfinite(half) else math.pi) + math.radians(6)
        good = np.isfinite(radius) & (self._theta < limit)
        last = int(np.argmin(good)) - 1 if not good.all() else len(radius) - 1
        slope = max(radius[last] - radius[last - 1], 1e-3)
        radius[last:] = radius[last] + slope * np.arange(len(radius) - last)
        self._radius = radius

    def __call__(self, points: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Pixels (N, 2) and angles to the optical axis (N,) of points (N, 3) in the camera frame."""
        x, y, z = points.T
        rho = np.hypot(x, y)
        theta = np.arctan2(rho, z)
        scale = np.interp(theta, self._theta, self._radius) / np.maximum(rho, 1e-9)
        lens = self._lens
        return np.stack([x * scale * lens.fx + lens.cx, y * scale * lens.fy + lens.cy], 1), theta


_Drawing = Tuple[List[np.ndarray], Tuple[float, ...]]  # polygons in fixed-point pixels, and their colour


class _Boards:
    """All boards at once: one projection of all corners, and polygons only of what is in the picture."""

    def __init__(self, boards: List[Board], project: WideProjection) -> None:
        self._project = project
        outlines = [board.outline for board in boards]
        self._points = np.concatenate(outlines) if boards else np.zeros((0, 3))
        self._count = np.array([len(o) for o in outlines], int)
        self._owner = np.repeat(np.arange(len(boards)), self._count)
        self._colours = [(*board.colour, 255.0) for board in boards]
        self._details = [board.details for board in boards]

    def __len__(self) -> int:
        return len(self._colours)

    def drawings(
        self, which: np.ndarray, eye: np.ndarray, to_camera: np.ndarray, shape: Tuple[int, ...]
    ) -> Dict[int, List[_Drawing]]:
        """What to fill, in order, for those of the boards `which` that a picture of this shape shows."""
        if not len(which):
            return {}
        chosen = np.zeros(len(self), bool)
        chosen[which] = True
        px, angle = self._project((self._points[chosen[self._owner]] - eye) @ to_camera)
        count = self._count[which]
        first = np.cumsum(count) - count
        good = angle < _WIDEST_RAD
        whole = np.logical_and.reduceat(good, first)
        low, high = np.minimum.reduceat(px, first), np.maximum.reduceat(px, first)
        seen = (high > 0).all(1) & (low < (shape[1], shape[0])).all(1) & (high[:, 1] - low[:, 1] > 0.5)
        tall = np.linalg.norm(px[first] - px[first + count - 1], axis=1)
        corners = _fixed(px)
        found: Dict[int, List[_Drawing]] = {}
        for i in np.flatnonzero(seen).tolist():
            k, a, b = int(which[i]), int(first[i]), int(first[i] + count[i])
            polygon = corners[a:b]
            if not whole[i]:
                pair = good[a:b] & good[a:b][::-1]  # a corner of the foot and the one above it
                polygon = polygon[pair]
            if len(polygon) >= 4:
                found[k] = [([polygon], self._colours[k])]
        near = [int(which[i]) for i in np.flatnonzero(seen & whole & (tall > 5.0))]
        if near:
            self._add_details(near, found, eye, to_camera)
        return found

    def _add_details(
        self, which: List[int], found: Dict[int, List[_Drawing]], eye: np.ndarray, to_camera: np.ndarray
    ) -> None:
        px, _ = self._project((np.concatenate([self._details[k][0] for k in which]) - eye) @ to_camera)
        quads, first = _fixed(px).reshape(-1, 4, 2), 0
        for k in which:
            for count, colour in self._details[k][1]:
                found[k].append((list(quads[first : first + count]), colour))
                first += count


class StandingThings:
    """Everything upright in a scenery, seen by one camera."""

    def __init__(self, camera: CameraModel, scenery: Scenery) -> None:
        self._camera = camera
        self._project = WideProjection(camera.lens)
        self._billboards = scenery.billboards
        self._boards = _Boards(scenery.boards, self._project)
        middles = [b.foot[len(b.foot) // 2] for b in scenery.boards]
        middles += [(b.x_m, b.y_m) for b in self._billboards]
        self._middles = np.array(middles, np.float64).reshape(-1, 2)

    def draw(self, x_m: float, y_m: float, yaw_rad: float, out: np.ndarray) -> None:
        """Draw over the picture `out` (H, W, 4) uint8."""
        if not len(self._middles):
            return
        c, s = math.cos(yaw_rad), math.sin(yaw_rad)
        to_world = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        eye = np.array([x_m, y_m, 0.0]) + to_world @ self._camera.mount.position_m
        to_camera = to_world @ self._camera.rotation
        away = self._middles - eye[:2]
        distance = np.hypot(away[:, 0], away[:, 1])
        shown = np.flatnonzero((distance < _REACH_M) & (away[:, 0] * c + away[:, 1] * s > -0.5))
        boards = len(self._boards)
        drawings = self._boards.drawings(shown[shown < boards], eye, to_camera, out.shape)
        for k in shown[np.argsort(-distance[shown])].tolist():
            if k >= boards:
                self._draw_billboard(self._billboards[k - boards], eye, to_camera, out)
            for polygons, colour in drawings.get(k, ()):
                cv2.fillPoly(out, polygons, colour, cv2.LINE_AA, _SHIFT)

    def _draw_billboard(self, thing: Billboard, eye: np.ndarray, to_camera: np.ndarray, out: np.ndarray) -> None:
        away = np.array([thing.x_m, thing.y_m]) - eye[:2]
        side = np.array([-away[1], away[0]]) * (0.5 * thing.width_m / max(float(np.linalg.norm(away)), 1e-6))
        left, right = (thing.x_m + side[0], thing.y_m + side[1]), (thing.x_m - side[0], thing.y_m - side[1])
        corners = np.array([(*left, thing.height_m), (*right, thing.height_m), (*right, 0.0), (*left, 0.0)])
        px, angle = self._project((corners - eye) @ to_camera)
        low = np.maximum(np.floor(px.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(px.max(0)).astype(int) + 2, (out.shape[1], out.shape[0]))
        if angle.max() > _WIDEST_RAD or (high - low).min() < 1:
            return
        tall = max(float(np.linalg.norm(px[0] - px[3])), 1.0)
        level = int(np.clip(math.log2(thing.pyramid[0].shape[0] / tall) + 0.3, 0, len(thing.pyramid) - 1))
        picture = thing.pyramid[level]
        h, w = picture.shape[:2]
        source = np.array([(-0.5, -0.5), (w - 0.5, -0.5), (w - 0.5, h - 0.5), (-0.5, h - 0.5)], np.float32)
        warp = cv2.getPerspectiveTransform(source, (px - low).astype(np.float32))
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        blend(out[low[1] : high[1], low[0] : high[0]], cv2.warpPerspective(picture, warp, size))


def blend(under: np.ndarray, over: np.ndarray) -> None:
    """Lay `over` (BGRA, premultiplied) on `under` (BGRA, opaque) in place."""
    through = cv2.cvtColor(cv2.bitwise_not(over[..., 3]), cv2.COLOR_GRAY2BGRA)
    cv2.multiply(under, through, under, 1 / 255)
    cv2.add(under, over, under)


def _fixed(px: np.ndarray) -> np.ndarray:
    return (np.clip(px, -4000, 4000) * (1 << _SHIFT)).round().astype(np.int32)
