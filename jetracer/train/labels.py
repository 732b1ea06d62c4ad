"""What a picture taken at a pose should make the net say. Pure geometry: no pictures, no learning.

A label is five numbers: aim x, aim y, aim weight, confidence, confidence weight. The aim is the point of the
centre line at straight-line distance `lookahead_m` ahead of the rear axle, seen through the camera. A weight
of 0 means "no opinion": a car that is half off the lane is neither on it nor off it.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from jetracer.camera.geometry import CameraModel
from jetracer.car.model import LOOKAHEAD_M
from jetracer.sim.track import Track


@dataclass(frozen=True)
class LabelConfig:
    """Where the lane ends and doubt begins."""

    lookahead_m: float = LOOKAHEAD_M
    on_lane: float = 1.05  # lateral offset in half widths up to which the car is on the lane
    off_lane: float = 1.7  # and from which it is clearly off
    facing_rad: float = np.radians(50.0)  # heading error up to which the car faces along the lane
    across_rad: float = np.radians(80.0)  # and from which it clearly faces away
    backwards_rad: float = np.radians(120.0)  # beyond this it looks along the lane again, the wrong way
    overshoot: float = 1.25  # an aim this far outside the picture is pulled to its border


def in_vehicle_frame(xy_m: Tuple[float, float], pose: Tuple[float, float, float]) -> Tuple[float, float]:
    """World point -> metres forward and left of the rear axle at pose (x, y, yaw)."""
    dx, dy = xy_m[0] - pose[0], xy_m[1] - pose[1]
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return float(cos * dx + sin * dy), float(-sin * dx + cos * dy)


def wrapped(angle_rad: float) -> float:
    """The same angle in (-pi, pi]."""
    return float(np.arctan2(np.sin(angle_rad), np.cos(angle_rad)))


def label(
    track: Track, camera: CameraModel, pose: Tuple[float, float, float], config: LabelConfig
) -> np.ndarray:
    """Label (5,) float32 of the picture that `camera` takes at pose (x, y, yaw) of the rear axle."""
    place = track.locate(pose[0], pose[1])
    lateral = abs(place.lateral_m) / track.half_width_m
    away = abs(wrapped(pose[2] - place.heading_rad))
    if lateral > config.off_lane or config.across_rad < away < config.backwards_rad:
        return np.array([0.0, 0.0, 0.0, 0.0, 1.0], np.float32)
    point = in_vehicle_frame(track.ahead(pose[0], pose[1], config.lookahead_m), pose)
    aim = camera.aim_from_ground(*point, beyond=True)
    if away > config.across_rad or aim is None or max(abs(aim.x), abs(aim.y)) > config.overshoot:
        return np.zeros(5, np.float32)
    sure = lateral <= config.on_lane and away <= config.facing_rad and max(abs(aim.x), abs(aim.y)) <= 1.0
    x, y = np.clip((aim.x, aim.y), -1.0, 1.0)
    return np.array([x, y, 1.0, 1.0, float(sure)], np.float32)
