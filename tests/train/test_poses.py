"""Poses, motions and cameras are drawn from the ranges that are promised, and repeat."""
from __future__ import annotations

import numpy as np
import pytest

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.sim.track import generate
from jetracer.train.poses import MAX_STEER_RAD, CameraConfig, PoseConfig, draw_camera, draw_moment, draw_pose

TRACK = generate(3)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def offsets(config: PoseConfig, count: int = 400) -> np.ndarray:
    source = random()
    poses = [draw_pose(source, TRACK, config) for _ in range(count)]
    return np.array([TRACK.locate(x, y).lateral_m for x, y, _ in poses]) / TRACK.half_width_m


def test_most_poses_are_near_the_middle_of_the_lane():
    assert np.abs(offsets(PoseConfig(near=1.0))).mean() < 0.3


def test_spread_poses_reach_a_little_beyond_the_lane():
    found = np.abs(offsets(PoseConfig(near=0.0, spread=1.0)))
    assert 1.1 < found.max() < 1.35
    assert found.min() < 0.1


def test_astray_poses_are_anywhere():
    assert np.abs(offsets(PoseConfig(near=0.0, spread=0.0, astray=1.0))).max() > 2.0


def test_turning_fits_to_speed_and_steering():
    source = random()
    for _ in range(100):
        moment = draw_moment(source, TRACK, PoseConfig())
        assert 0.0 <= moment.speed_mps <= 3.0
        assert abs(moment.steering_rad) <= MAX_STEER_RAD
        assert moment.yaw_rate_rps * moment.steering_rad >= 0.0
        assert len(moment.pose) == 3


def test_the_cars_own_camera_is_among_the_cameras():
    source = random()
    cameras = [draw_camera(source, CameraConfig()) for _ in range(300)]
    assert 0.3 < np.mean([camera == SIM_CAMERA for camera in cameras]) < 0.5
    assert {camera.lens.model for camera in cameras} == {"fisheye", "pinhole", "polynomial"}


def test_every_camera_sees_the_floor_ahead():
    source = random()
    for _ in range(300):
        camera = draw_camera(source, CameraConfig(exact=0.0))
        assert camera.mount.height_m > 0.05
        assert np.isfinite(camera.pixel_from_ground(np.array([[0.9, 0.0]]))).all()


@pytest.mark.parametrize("draw", [draw_moment, draw_pose])
def test_the_same_seed_draws_the_same(draw):
    assert draw(random(4), TRACK, PoseConfig()) == draw(random(4), TRACK, PoseConfig())
