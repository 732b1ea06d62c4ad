"""What a camera at rest on the car sees through each pixel: tables that a frame only has to shift and turn."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import CameraModel, Lens
from jetracer.sim import panorama
from jetracer.sim.scenery import LEVELS, Scenery

_FAR_RAD = math.radians(7.0)
_REFLECTION_SCALE = 4


class View:
    """Tables of one camera in one scenery, the rows displaced by `jitter_px`: sub-poses use different ones, which
    smooths edges.

    Rows [0, top) see only the panorama and rows from `near` on only floor. Between them are panorama and far floor,
    where a pixel's footprint on the floor grows long: these rows are drawn `extra_rows` times as fine, then averaged.
    """

    def __init__(self, camera: CameraModel, scenery: Scenery, jitter_px: float = 0.0, extra_rows: int = 3) -> None:
        self._scenery, self._extra_rows = scenery, extra_rows
        self.height, self.width = camera.lens.height, camera.lens.width
        rays = _vehicle_rays(camera)
        self.top, self.near = _bands(rays[1:-1, :, 2], scenery.foot_rad)
        self._fine = self._extra_rows * (self.near - self.top)
        band = self.top + (np.arange(self._fine) + 0.5) / self._extra_rows - 0.5 + jitter_px / self._extra_rows
        near = np.arange(self.near, self.height) + jitter_px
        below = _at_rows(rays, np.concatenate([band, near]))
        above = _at_rows(rays, np.concatenate([np.arange(self.top), band]))
        self._build_floor(camera, below)
        self._build_sky(above)
        self._mask = ((below[: self._fine, :, 2] >= math.sin(scenery.foot_rad)) * np.uint8(255)).copy()
        self._floor = np.empty(below.shape[:2] + (4,), np.uint8)
        self._sky = np.empty(above.shape[:2] + (4,), np.uint8)
        self._map = np.empty(below.shape[:2] + (2,), np.float32)

    def draw(self, x_m: float, y_m: float, yaw_rad: float, out: np.ndarray) -> None:
        """Floor and panorama into `out` (H, W, 4) uint8, the rear axle at (x_m, y_m)."""
        if len(self._floor):
            self._draw_floor(x_m, y_m, yaw_rad)
        if len(self._sky):
            cv2.remap(
                cut(self._scenery.panorama, yaw_rad), self._sky_map, self._sky_weights, cv2.INTER_LINEAR, dst=self._sky
            )
        out[: self.top] = self._sky[: self.top]
        if self._fine:
            band = self._floor[: self._fine]
            cv2.copyTo(self._sky[self.top :], self._mask, band)
            cv2.resize(
                band, (self.width, self.near - self.top), dst=out[self.top : self.near], interpolation=cv2.INTER_AREA
            )
        out[self.near :] = self._floor[self._fine :]

    def _draw_floor(self, x: float, y: float, yaw: float) -> None:
        c, s = math.cos(yaw), math.sin(yaw)
        wide, high = self._scenery.size_m
        pose = np.array([[c, -s, x + 0.5 * wide], [-s, -c, 0.5 * high - y]], np.float32)
        at = cv2.transform(self._ground, pose, dst=self._map)
        np.maximum(at, self._least, out=at)
        np.minimum(at, self._most, out=at)
        np.multiply(at, self._scale, out=at)
        np.add(at, self._offset, out=at)
        cv2.remap(self._scenery.atlas, at, None, cv2.INTER_LINEAR, dst=self._floor)

    def _build_floor(self, camera: CameraModel, rays: np.ndarray) -> None:
        scenery, mount = self._scenery, camera.mount
        down = np.maximum(-rays[..., 2], -0.5 * math.sin(scenery.foot_rad))
        reach = np.float32(mount.height_m) / down
        self._ground = rays[..., :2] * reach[..., None] + mount.position_m[:2].astype(np.float32)
        # A pixel sees an ellipse on the floor: this wide across the view, and 1 / down as long along it.
        across = reach * np.float32(scenery.ppm / camera.lens.fx)
        rows = np.ones((len(rays), 1), np.float32)
        rows[: self._fine] = self._extra_rows
        level = np.log2(across) - 0.5 * np.log2(np.maximum(down * rows, 1e-6))
        level = np.clip(np.rint(level - 0.2), 0, LEVELS - 1).astype(np.int32)
        scale = (scenery.ppm / (1 << np.arange(LEVELS))).astype(np.float32)
        offset = np.stack([scenery.level_x, scenery.level_y], 1).astype(np.float32) - 0.5
        self._scale = np.repeat(scale[level][..., None], 2, 2)
        self._offset = offset[level]
        # Beyond the floor picture its rim goes on for ever. The limits fill an array: numpy is slow to repeat a pair.
        self._least = np.float32(0.5 * (1 << (LEVELS - 1)) / scenery.ppm)  # half a texel of the coarsest level
        self._most = np.empty_like(self._offset)
        self._most[:] = np.subtract(scenery.size_m, self._least)

    def _build_sky(self, rays: np.ndarray) -> None:
        x, y = _strip_position(rays)
        self._sky_map, self._sky_weights = _fixed(x, y)


class Reflection:
    """What a glossy floor adds: the panorama's lights upside down, stronger the flatter the view."""

    def __init__(self, camera: CameraModel, scenery: Scenery, strength: float) -> None:
        self._scenery = scenery
        rays = _vehicle_rays(camera)[1:-1]
        down = -rays[..., 2]
        fresnel = 0.04 + 0.96 * (1.0 - np.clip(down, 0, 1)) ** 4
        weight = np.where(down > -math.sin(scenery.foot_rad), fresnel * strength, 0.0)
        self._top = int(np.argmax(weight.any(1)))
        self._weight = cv2.merge([np.clip(weight[self._top :] * 255, 0, 255).astype(np.uint8)] * 4)
        half = _REFLECTION_SCALE // 2
        mirrored = rays[self._top + half :: _REFLECTION_SCALE, half::_REFLECTION_SCALE] * np.float32([1, 1, -1])
        x, y = _strip_position(np.ascontiguousarray(mirrored))
        self._at = _fixed(x / 4, y / 4)

    def add(self, yaw_rad: float, out: np.ndarray) -> None:
        """Add it to the picture `out` (H, W, 4) in place."""
        if self._at[0].size == 0:
            return
        small = cv2.remap(cut(self._scenery.glow, yaw_rad), *self._at, cv2.INTER_LINEAR)
        floor = out[self._top :]
        light = cv2.resize(small, (floor.shape[1], floor.shape[0]), interpolation=cv2.INTER_LINEAR)
        cv2.multiply(light, self._weight, light, 1 / 255)
        cv2.add(floor, light, floor)


def cut(strip: np.ndarray, yaw_rad: float) -> np.ndarray:
    """The part of a doubled strip that tables made for yaw 0 look into."""
    width = strip.shape[1] // 2
    first = round((-yaw_rad - math.pi) / (2 * math.pi) * width) % width
    return strip[:, first : first + width + 1]


@lru_cache(maxsize=16)
def _lens_rays(lens: Lens) -> Tuple[np.ndarray, bool]:
    """Camera rays (H + 2, W, 3) float32, one row more at the top and the bottom; and whether some pixels are blind."""
    u, v = np.meshgrid(np.arange(lens.width, dtype=np.float64), np.arange(-1.0, lens.height + 1))
    rays = lens.unproject(np.stack([u.ravel(), v.ravel()], 1)).reshape(lens.height + 2, lens.width, 3)
    blind = bool(np.isnan(rays).any())
    return np.nan_to_num(rays).astype(np.float32), blind


def _vehicle_rays(camera: CameraModel) -> np.ndarray:
    rays, _ = _lens_rays(camera.lens)
    return cv2.transform(rays, camera.rotation.astype(np.float32))


def blind_pixels(lens: Lens) -> np.ndarray:
    """(H, W) bool: where the lens formula has no answer, real lenses have a black rim."""
    rays, blind = _lens_rays(lens)
    return ~rays[1:-1].any(2) if blind else np.zeros((lens.height, lens.width), bool)


def _bands(z: np.ndarray, foot_rad: float) -> Tuple[int, int]:
    """First row that sees floor, and first row that sees nothing but near floor."""
    floor = np.flatnonzero((z < math.sin(foot_rad)).any(1))
    far = np.flatnonzero((z > -math.sin(_FAR_RAD)).any(1))
    top = max(int(floor[0]) - 1, 0) if len(floor) else len(z)
    return top, max(int(far[-1]) + 1 if len(far) else 0, top)


def _at_rows(rays: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rays at fractional picture rows; `rays` starts one row above the picture."""
    at = np.clip(rows + 1, 0, len(rays) - 1.001)
    i = at.astype(np.int32)
    t = (at - i).astype(np.float32)[:, None, None]
    return rays[i] * (1 - t) + rays[i + 1] * t


def _strip_position(rays: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Column and row in the panorama strip, for yaw 0: its cut begins at the azimuth pi."""
    azimuth = cv2.phase(rays[..., 0].ravel(), rays[..., 1].ravel()).reshape(rays.shape[:2])  # 0 .. 2 pi
    across = np.hypot(rays[..., 0], rays[..., 1])
    elevation = np.arctan2(rays[..., 2], across)
    x = np.where(azimuth > math.pi, 3 * math.pi - azimuth, math.pi - azimuth) * panorama.PX_PER_RAD
    y = (panorama.HIGHEST_RAD - elevation) * panorama.PX_PER_RAD
    return x.astype(np.float32), np.clip(y, 0, panorama.HEIGHT - 1).astype(np.float32)


def _fixed(x: np.ndarray, y: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    if x.size == 0:
        return np.zeros(x.shape + (2,), np.int16), np.zeros(x.shape, np.uint16)
    return cv2.convertMaps(np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.CV_16SC2)
