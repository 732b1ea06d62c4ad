"""Labels are geometry: they can be checked by hand."""
from __future__ import annotations

import numpy as np
import pytest

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.core.types import Aim
from jetracer.sim.track import Track, generate
from jetracer.train.labels import LabelConfig, in_vehicle_frame, label, wrapped

CONFIG = LabelConfig(lookahead_m=0.7)
HALF_PX = 1.0 / 224  # the picture's middle lies between two pixels


def straight() -> Track:
    """A 'track' that is one straight line along x, long enough for one look ahead."""
    x = np.arange(0.0, 10.0, 0.02)
    centre = np.stack([x, np.zeros_like(x)], 1)
    zeros = np.zeros(len(x))
    return Track(0, centre, zeros, zeros, 0.35, 10.0, "wood", "white tape", (12.0, 2.0))


def test_the_aim_of_a_straight_track_is_in_the_middle():
    x, y, weight, confidence, sure = label(straight(), SIM_CAMERA, (3.0, 0.0, 0.0), CONFIG)
    assert x == pytest.approx(-HALF_PX, abs=1e-3)
    assert -0.5 < y < 0.5
    assert (weight, confidence, sure) == (1.0, 1.0, 1.0)


def test_a_car_left_of_the_line_aims_right():
    assert label(straight(), SIM_CAMERA, (3.0, 0.2, 0.0), CONFIG)[0] > 0.1
    assert label(straight(), SIM_CAMERA, (3.0, -0.2, 0.0), CONFIG)[0] < -0.1


def test_a_car_that_looks_left_aims_right():
    assert label(straight(), SIM_CAMERA, (3.0, 0.0, 0.3), CONFIG)[0] > 0.1


def test_the_aim_is_the_centre_line_at_the_lookahead_seen_from_the_rear_axle():
    track = generate(7)
    for s in np.linspace(0.0, track.length_m, 12, endpoint=False):
        x, y, yaw = track.pose_at(float(s), 0.05, 0.05)
        aim = label(track, SIM_CAMERA, (x, y, yaw), CONFIG)
        forward, left = SIM_CAMERA.ground_from_aim(Aim(float(aim[0]), float(aim[1])))
        assert np.hypot(forward, left) == pytest.approx(0.7, abs=1e-3)
        world = x + forward * np.cos(yaw) - left * np.sin(yaw), y + forward * np.sin(yaw) + left * np.cos(yaw)
        assert abs(track.locate(*world).lateral_m) < 0.005


@pytest.mark.parametrize("pose", [(3.0, 1.0, 0.0), (3.0, 0.0, np.pi / 2), (3.0, -1.5, 2.0)])
def test_off_the_lane_or_across_it_there_is_nothing_to_follow(pose):
    assert label(straight(), SIM_CAMERA, pose, CONFIG).tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]


def test_in_between_nobody_says_what_is_right():
    half_off = label(straight(), SIM_CAMERA, (3.0, 0.45, 0.0), CONFIG)
    assert half_off[2] == 1.0  # where to go is known
    assert half_off[4] == 0.0  # whether this is still the lane is not
    backwards = label(straight(), SIM_CAMERA, (3.0, 0.0, np.pi), CONFIG)
    assert backwards.tolist() == [0.0, 0.0, 0.0, 0.0, 0.0]


def test_an_aim_just_outside_is_pulled_to_the_border():
    aims = [label(straight(), SIM_CAMERA, (3.0, 0.0, yaw), CONFIG) for yaw in np.linspace(0.5, 0.87, 40)]
    pulled = [aim for aim in aims if aim[2] and aim[0] == 1.0]
    assert pulled
    assert all(aim[4] == 0.0 for aim in pulled)
    assert max(abs(float(value)) for aim in aims for value in aim[:2]) <= 1.0


def test_frames_of_reference():
    assert in_vehicle_frame((1.0, 2.0), (1.0, 1.0, np.pi / 2)) == pytest.approx((1.0, 0.0))
    assert in_vehicle_frame((0.0, 1.0), (1.0, 1.0, np.pi / 2)) == pytest.approx((0.0, 1.0))
    assert wrapped(3.5 * np.pi) == pytest.approx(-0.5 * np.pi)
