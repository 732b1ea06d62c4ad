"""Where the camera sits, from a board that lies on the floor, or from its height and the horizon."""
from __future__ import annotations

import math

import cv2
import numpy as np

from jetracer.calibrate.board import Board, View
from jetracer.camera.geometry import Lens, Mount
from jetracer.core.errors import ConfigError

_WIDEST_RAD = math.radians(80.0)  # from the axis: corners beyond it say nothing on a plane before the lens


def mount_from_floor(lens: Lens, board: Board, view: View, distance_m: float) -> Mount:
    """The board lies flat, square to the car, its near edge `distance_m` ahead of the rear axle.

    Raises ConfigError when the picture does not fit that.
    """
    rays = lens.unproject(view.px)
    good = np.isfinite(rays).all(1) & (rays[:, 2] > math.cos(_WIDEST_RAD))
    if good.sum() < 6:
        raise ConfigError("Too little of the board is seen; lay it on the floor nearer to the middle of the picture.")
    points, plane = board.points(view.ids)[good], rays[good, :2] / rays[good, 2:]
    solved, turn, shift = cv2.solvePnP(points, plane, np.eye(3), None)
    rotation, shift = cv2.Rodrigues(turn)[0], shift.ravel()
    up = rotation[:, 2]
    up = up if up @ shift < 0 else -up
    pitch, roll = math.asin(np.clip(-up[2], -1.0, 1.0)), math.atan2(-up[0], -up[1])
    if not solved or abs(roll) > math.radians(45.0):
        raise ConfigError("The board does not seem to lie on the floor; lay it flat before the car and try again.")
    mount = Mount(float(-up @ shift), 0.0, pitch, roll)
    width, height = board.size_m
    edges = np.array([[width / 2, 0, 0], [width / 2, height, 0], [0, height / 2, 0], [width, height / 2, 0]])
    ahead = ((edges @ rotation.T + shift) @ mount.rotation.T)[:, 0]
    return Mount(mount.height_m, distance_m - float(ahead.min()), pitch, roll)


def mount_from_horizon(lens: Lens, row_px: float, height_m: float, forward_m: float = 0.0) -> Mount:
    """A level camera `height_m` above the floor that sees the horizon in the middle of the picture at row `row_px`."""
    ray = lens.unproject(np.array([[lens.cx, row_px]]))[0]
    if not np.isfinite(ray).all():
        raise ConfigError(f"The lens sees nothing at row {row_px:g}; give the horizon's row in the picture.")
    return Mount(height_m, forward_m, math.atan2(-ray[1], ray[2]))
