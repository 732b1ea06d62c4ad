"""A labelled picture seen from places nearby: many pictures from one label, each with its own exact label.

The floor is flat and the camera's place above it is known, so one picture tells what the floor looks like from
elsewhere (for a pinhole lens, the homography of the floor); what is beyond the horizon is only turned. A label is one
point of the centre line, at the look-ahead distance from the rear axle. From elsewhere another point of the line has
that distance, and nobody said where it is, unless the car stands on the circle of that distance around the point: so
the car is moved along this circle and turned. The label is exact; what stands on the floor is drawn as if it lay on it.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import SIM_CAMERA, CameraModel
from jetracer.core.types import Aim

_CELL_PX = 8  # maps are made this coarse, and filled in linearly


@dataclass(frozen=True)
class NearbyConfig:
    """How far the car is moved round the point that it aims at, and how far its bearing to that point changes."""

    share: float = 0.85  # of the pictures; the others stay as they are
    round_rad: float = 0.22  # most; 0.15 m to the side at 0.7 m
    bearing_sigma_rad: float = math.radians(9.0)
    farthest_rad: float = math.radians(34.0)  # a bearing beyond this would leave the simulated car's picture


class Nearby:
    """Moves pictures that `camera` took. Deterministic: all chance comes from the generator given."""

    def __init__(self, config: NearbyConfig = NearbyConfig(), camera: CameraModel = SIM_CAMERA) -> None:
        self.config, self.camera = config, camera
        lens = camera.lens
        columns = np.arange(-(-lens.width // _CELL_PX) + 1) * float(_CELL_PX)
        rows = np.arange(-(-lens.height // _CELL_PX) + 1) * float(_CELL_PX)
        u, v = np.meshgrid(columns, rows)
        self._shape = u.shape
        rays = np.nan_to_num(lens.unproject(np.stack([u.ravel(), v.ravel()], 1))) @ camera.rotation.T
        self._rays = rays
        self._floor = rays[:, 2] < -1e-3
        reach = -camera.mount.height_m / np.minimum(rays[:, 2], -1e-3)
        self._ground = camera.mount.position_m[:2] + rays[:, :2] * reach[:, None]

    def __call__(self, picture: np.ndarray, aim: Aim, random: np.random.Generator) -> Tuple[np.ndarray, Aim]:
        """The picture (H,W,3) and its aim from a place by chance; unchanged where the aim is no point of the floor."""
        point = self.camera.ground_from_aim(aim)
        if point is None or max(abs(aim.x), abs(aim.y)) >= 1.0 or random.random() >= self.config.share:
            return picture, aim
        x, y, turn = self.draw(point, random)
        moved = self.seen_from(picture, x, y, turn)
        dx, dy = point[0] - x, point[1] - y
        cos, sin = math.cos(turn), math.sin(turn)
        there = self.camera.aim_from_ground(cos * dx + sin * dy, cos * dy - sin * dx)
        return (picture, aim) if there is None else (moved, there)

    def draw(self, point: Tuple[float, float], random: np.random.Generator) -> Tuple[float, float, float]:
        """A pose (x, y, yaw) of the rear axle, in its old frame, as far from `point` as before."""
        config, far = self.config, math.hypot(*point)
        before = math.atan2(point[1], point[0])
        after = before + random.uniform(-config.round_rad, config.round_rad)  # direction of the point from there
        bearing = before + random.normal(0.0, config.bearing_sigma_rad)
        bearing = min(config.farthest_rad, max(-config.farthest_rad, bearing))
        return point[0] - far * math.cos(after), point[1] - far * math.sin(after), after - bearing

    def seen_from(self, picture: np.ndarray, x_m: float, y_m: float, yaw_rad: float) -> np.ndarray:
        """What the camera would see with the rear axle at that pose of the old vehicle frame."""
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        turn = np.array([[cos, sin], [-sin, cos]])  # for rows
        points = np.zeros((len(self._rays), 3))
        points[:, :2] = self._ground @ turn + (x_m, y_m)
        sky = ~self._floor
        points[sky, :2] = 1e3 * self._rays[sky, :2] @ turn
        points[sky, 2] = 1e3 * self._rays[sky, 2]
        px = np.nan_to_num(self.camera.project_vehicle(points), nan=-1e4).reshape(*self._shape, 2)
        height, width = picture.shape[:2]
        return cv2.remap(picture, _fill(px, (width, height)), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _fill(coarse: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """The values at every pixel (H,W,2) float32, linear between those at every `_CELL_PX`th."""
    u, v = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    return cv2.remap(coarse.astype(np.float32), u / _CELL_PX, v / _CELL_PX, cv2.INTER_LINEAR)
