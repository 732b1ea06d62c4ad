"""Where the car stands, how it moves and what it sees with, drawn for every training picture."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from jetracer.camera.geometry import SIM_CAMERA, CameraModel
from jetracer.car.model import CarModel
from jetracer.sim.look import any_camera, random_camera
from jetracer.sim.track import Track

WHEELBASE_M = CarModel.wheelbase_m
MAX_STEER_RAD = CarModel.max_steer_rad


@dataclass(frozen=True)
class Moment:
    """One pose with its motion: rear axle in the world, speed, yaw rate and front wheel angle (left +)."""

    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    yaw_rate_rps: float
    steering_rad: float

    @property
    def pose(self) -> Tuple[float, float, float]:
        return self.x_m, self.y_m, self.yaw_rad


@dataclass(frozen=True)
class PoseConfig:
    """Shares of the kinds of pose, and how far they spread."""

    near: float = 0.55  # close to the centre line, as a good driver is
    spread: float = 0.35  # anywhere on the lane and a little beyond
    astray: float = 0.05  # anywhere on the floor; the rest stands across the lane
    near_sigma: float = 0.25  # lateral, half widths
    near_heading_rad: float = np.radians(10.0)  # sigma
    reach: float = 1.3  # lateral, half widths
    heading_rad: float = np.radians(40.0)
    top_speed_mps: float = 3.0


def draw_pose(random: np.random.Generator, track: Track, config: PoseConfig) -> Tuple[float, float, float]:
    """(x, y, yaw) of the rear axle."""
    s = random.uniform(0.0, track.length_m)
    kind = random.random()
    if kind < config.near:
        lateral = random.normal(0.0, config.near_sigma)
        heading = random.normal(0.0, config.near_heading_rad)
    elif kind < config.near + config.spread:
        lateral = random.uniform(-config.reach, config.reach)
        heading = random.uniform(-config.heading_rad, config.heading_rad)
    elif kind < config.near + config.spread + config.astray:
        return draw_astray(random, track)
    else:
        lateral = random.uniform(-1.6, 1.6)
        heading = random.choice((-1.0, 1.0)) * random.uniform(np.radians(75.0), np.radians(125.0))
    return track.pose_at(s, lateral * track.half_width_m, heading)


def draw_astray(random: np.random.Generator, track: Track) -> Tuple[float, float, float]:
    """Anywhere within a metre of the track's bounding box, facing anywhere."""
    low, high = track.centre.min(axis=0) - 1.0, track.centre.max(axis=0) + 1.0
    x, y = random.uniform(low, high)
    return float(x), float(y), float(random.uniform(-np.pi, np.pi))


def draw_moment(random: np.random.Generator, track: Track, config: PoseConfig) -> Moment:
    """A pose, with a speed and a steering angle that fit together (bicycle model)."""
    x, y, yaw = draw_pose(random, track, config)
    speed = random.uniform(0.0, config.top_speed_mps)
    steering = float(np.clip(random.normal(0.0, 0.2), -MAX_STEER_RAD, MAX_STEER_RAD))
    rate = float(np.clip(speed * np.tan(steering) / WHEELBASE_M, -4.0, 4.0))  # tyres give no more
    return Moment(x, y, yaw, float(speed), rate, steering)


@dataclass(frozen=True)
class CameraConfig:
    """How cameras differ from car to car."""

    exact: float = 0.4  # share that is exactly the simulated car's own
    other: float = 0.08  # share of entirely different cameras; the rest is the own, mounted by others
    spread: float = 2.0  # at most this times the usual differences in mounting


def draw_camera(
    random: np.random.Generator, config: CameraConfig, base: CameraModel = SIM_CAMERA
) -> CameraModel:
    """One car's camera: the base itself, one like it, or any other."""
    kind = random.random()
    if kind < config.exact:
        return base
    if kind < config.exact + config.other:
        return any_camera(random)
    return random_camera(random, base, float(random.uniform(0.0, config.spread)))
