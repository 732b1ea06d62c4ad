"""Pictures of a board through a known lens, drawn ray by ray."""
from __future__ import annotations

import math

import cv2
import numpy as np

from jetracer.calibrate.board import Board

_PPM = 8000.0  # of the drawn board, pixels per metre
_FINE = 2  # rays per pixel, each way


def turned(x, y, z):
    """(3, 3) rotation by degrees about x, then y, then z."""
    return cv2.Rodrigues(np.radians([0.0, 0.0, z]))[0] @ cv2.Rodrigues(np.radians([0.0, y, 0.0]))[0] @ cv2.Rodrigues(
        np.radians([x, 0.0, 0.0]))[0]


class Studio:
    """`picture(rotation, middle)`: the board's middle at `middle` (camera frame, metres), turned; light and noise."""

    def __init__(self, lens, board: Board, noise=2.0, seed=0):
        self.lens, self.board = lens, board
        self._noise, self._random = noise, np.random.default_rng(seed)
        self._rays = lens.resized(lens.width * _FINE, lens.height * _FINE).rays()
        raster = board.raster()
        scale = round(_PPM * board.size_m[0] / raster.shape[1])
        self._margin = 8 * scale
        self._face = np.kron(raster, np.ones((scale, scale), np.uint8))
        self._face = cv2.copyMakeBorder(self._face, *[self._margin] * 4, cv2.BORDER_CONSTANT, value=255)
        self._ppm = scale * raster.shape[1] / board.size_m[0]

    def picture(self, rotation, middle):
        normal = rotation[:, 2]
        corner = np.asarray(middle) - rotation @ np.array([*self.board.size_m, 0.0]) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = (corner @ normal) / (self._rays @ normal)
            at = (self._rays * reach[..., None] - corner) @ rotation[:, :2] * self._ppm + self._margin - 0.5
        at = np.where((reach > 0)[..., None] & np.isfinite(at), at, -1e6).astype(np.float32)
        fine = cv2.remap(self._face, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderValue=90)
        image = cv2.resize(fine, (self.lens.width, self.lens.height), interpolation=cv2.INTER_AREA)
        noisy = 20 + 0.8 * image + self._random.normal(0, self._noise, image.shape)
        return cv2.cvtColor(np.clip(noisy, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)

    def album(self, count, half_fov_deg):
        """Pictures with the board all over the field of view, near and far, and tilted."""
        for number in range(count):
            around = 2 * math.pi * number * 0.381966
            aside = math.radians(half_fov_deg) * math.sqrt((number + 0.5) / count)
            far = self._random.uniform(0.9, 1.8) * self.board.size_m[0]
            ray = np.array([math.sin(aside) * math.cos(around), math.sin(aside) * math.sin(around), math.cos(aside)])
            facing = cv2.Rodrigues(np.cross([0.0, 0.0, 1.0], ray) / max(math.sin(aside), 1e-9) * aside)[0]
            tilt = turned(*self._random.uniform(-35, 35, 2), self._random.uniform(-20, 20))
            yield self.picture(facing @ tilt, ray * far)
