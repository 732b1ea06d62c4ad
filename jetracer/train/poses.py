"""Where the car stands, how it moves and what it sees with, drawn for every training picture."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Tuple

import numpy as np

from jetracer.camera.geometry import SIM_CAMERA, CameraModel, Lens
from jetracer.sim.track import Track

WHEELBASE_M = 0.33
MAX_STEER_RAD = 0.4189


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

    exact: float = 0.3  # share that is exactly the simulated car's own
    other_lens: float = 0.15  # share with a pinhole or polynomial lens
    zoom: float = 0.15  # focal length, +- as a fraction
    centre_px: float = 3.0  # sigma of the optical centre
    height_m: float = 0.025  # sigmas from here on
    forward_m: float = 0.03
    lateral_m: float = 0.01
    pitch_rad: float = np.radians(3.0)
    roll_rad: float = np.radians(1.0)


def draw_lens(random: np.random.Generator, base: Lens, config: CameraConfig) -> Lens:
    """The base lens with another focal length and centre, at times of another kind."""
    zoom = 1.0 + random.uniform(-config.zoom, config.zoom)
    cx = base.cx + random.normal(0.0, config.centre_px)
    cy = base.cy + random.normal(0.0, config.centre_px)
    if random.random() >= config.other_lens:
        return replace(base, fx=base.fx * zoom, fy=base.fy * zoom, cx=cx, cy=cy)
    hfov = random.uniform(np.radians(75.0), np.radians(100.0))
    focal = 0.5 * base.width / np.tan(0.5 * hfov)
    if random.random() < 0.5:
        return Lens("pinhole", base.width, base.height, focal, focal, cx, cy)
    bend = (random.uniform(-0.12, 0.0), random.uniform(0.0, 0.01), 0.0, 0.0)
    return Lens("polynomial", base.width, base.height, focal, focal, cx, cy, bend)


def draw_camera(random: np.random.Generator, config: CameraConfig, base: CameraModel = SIM_CAMERA) -> CameraModel:
    """One car's camera: the base itself, or one like it."""
    if random.random() < config.exact:
        return base
    mount = replace(
        base.mount,
        height_m=base.mount.height_m + np.clip(random.normal(0.0, config.height_m), -0.05, 0.10),
        forward_m=base.mount.forward_m + random.normal(0.0, config.forward_m),
        lateral_m=base.mount.lateral_m + random.normal(0.0, config.lateral_m),
        pitch_rad=base.mount.pitch_rad + random.normal(0.0, config.pitch_rad),
        roll_rad=base.mount.roll_rad + random.normal(0.0, config.roll_rad),
    )
    return CameraModel(draw_lens(random, base.lens, config), mount)
