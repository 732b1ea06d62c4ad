"""One picture seen from another place: the label is exact, and the floor looks as if the car stood there."""
from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.core.types import Aim
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.track import generate
from jetracer.train.labels import LabelConfig, label
from jetracer.train.nearby import Nearby, NearbyConfig

ALWAYS = NearbyConfig(share=1.0)


@pytest.fixture(scope="module")
def place():
    """A track's renderer, a pose on it, the picture from there and its aim."""
    track = generate(5)
    renderer = Renderer(Scenery(track, ppm=128.0), SIM_CAMERA)
    pose = track.pose_at(3.0, 0.03, -0.05)
    x, y = map(float, label(track, SIM_CAMERA, pose, LabelConfig())[:2])
    return renderer, pose, renderer.frame(*pose, 0.0, 0.0, 0.0), Aim(x, y)


def moved(pose, x, y, yaw):
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    return pose[0] + cos * x - sin * y, pose[1] + sin * x + cos * y, pose[2] + yaw


@pytest.mark.parametrize("seed", range(6))
def test_the_label_is_what_the_expert_would_say_there(place, seed):
    renderer, pose, picture, aim = place
    nearby = Nearby(ALWAYS)
    there = nearby(picture, aim, np.random.default_rng(seed))[1]
    random = np.random.default_rng(seed)
    random.random()  # whether to move
    pose = moved(pose, *nearby.draw(SIM_CAMERA.ground_from_aim(aim), random))
    wanted = label(renderer.scenery.track, SIM_CAMERA, pose, LabelConfig())
    assert wanted[2] == 1.0
    assert (there.x, there.y) == pytest.approx(wanted[:2], abs=1e-3)


@pytest.mark.parametrize("seen_from", [(0.0, 0.1, 0.0), (0.01, -0.12, 0.2), (0.0, 0.0, -0.25)])
def test_the_picture_is_what_the_camera_would_see_there(place, seen_from):
    renderer, pose, picture, _ = place
    truth = renderer.frame(*moved(pose, *seen_from), 0.0, 0.0, 0.0)
    made = Nearby(ALWAYS).seen_from(picture, *seen_from)
    middle = np.s_[100:190, 45:180]  # floor that both places see
    apart = [np.abs(cv2.blur(one, (3, 3))[middle].astype(int) - cv2.blur(truth, (3, 3))[middle]).mean()
             for one in (made, picture)]
    assert apart[0] < 0.45 * apart[1]


def test_standing_still_changes_nothing(place):
    picture = place[2]
    made = Nearby(ALWAYS).seen_from(picture, 0.0, 0.0, 0.0)
    assert np.abs(made.astype(int) - picture).mean() < 1.5  # maps are coarse


def test_what_is_not_to_be_moved_is_not(place):
    picture, aim = place[2:]
    random = np.random.default_rng(0)
    for nearby, seen in ((Nearby(NearbyConfig(share=0.0)), aim), (Nearby(ALWAYS), Aim(1.0, 0.0)),
                         (Nearby(ALWAYS), Aim(0.0, -0.9))):
        same, there = nearby(picture, seen, random)
        assert same is picture and there == seen
