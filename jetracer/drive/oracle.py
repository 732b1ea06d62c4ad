"""Perception that cheats: it knows the pose and the track, and points where a perfect road model would.

For judging controllers apart from networks, and as the best that any model could do.
"""
from __future__ import annotations

import math
from typing import Optional

import numpy as np

from jetracer.camera.geometry import CameraModel
from jetracer.car.model import LOOKAHEAD_M
from jetracer.core.types import Aim, Frame, Scene
from jetracer.perception.base import Perception
from jetracer.sim.track import Track


class PoseRenderer:
    """In place of pictures: a frame's `image` is the pose (x, y, yaw) it would have been taken from."""

    def frame(self, x_m: float, y_m: float, yaw_rad: float, *_motion: float) -> np.ndarray:
        return np.array((x_m, y_m, yaw_rad))


class Oracle(Perception):
    """Understands the frames of PoseRenderer; `noise` is the sigma of its aim's error, which lasts frames."""

    MEMORY = 0.7  # of the error from one frame to the next

    def __init__(self, track: Track, camera: CameraModel, noise: float = 0.0, seed: int = 0,
                 lookahead_m: float = LOOKAHEAD_M) -> None:
        self._track, self._camera = track, camera
        self._lookahead_m = lookahead_m
        self._noise = noise
        self._random = np.random.default_rng([seed, 0x0AC1E])
        self._error = np.zeros(2)

    def perceive(self, frame: Frame) -> Scene:
        aim = aim_at(self._track, self._camera, frame.image, self._lookahead_m)
        if aim is None:
            return Scene(frame.t_s)
        if self._noise:
            fresh = self._noise * math.sqrt(1.0 - self.MEMORY ** 2) * self._random.standard_normal(2)
            self._error = self.MEMORY * self._error + fresh
        return Scene(frame.t_s, Aim(_unit(aim.x + self._error[0]), _unit(aim.y + self._error[1])), (), 1.0)


def aim_at(track: Track, camera: CameraModel, pose: np.ndarray, lookahead_m: float) -> Optional[Aim]:
    """The aim from pose (x, y, yaw), pulled to the border where it lies outside; None behind the lens."""
    x, y, yaw = map(float, pose)
    ahead = track.ahead(x, y, lookahead_m)
    dx, dy, cos, sin = ahead[0] - x, ahead[1] - y, math.cos(yaw), math.sin(yaw)
    aim = camera.aim_from_ground(cos * dx + sin * dy, cos * dy - sin * dx, beyond=True)
    return aim and Aim(_unit(aim.x), _unit(aim.y))


def _unit(value: float) -> float:
    return min(1.0, max(-1.0, float(value)))
