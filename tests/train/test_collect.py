"""Trips: what they bring home, and that the same trip brings the same."""
from __future__ import annotations

import numpy as np
import pytest

from jetracer.core.types import Frame
from jetracer.drive.oracle import PoseRenderer
from jetracer.sim.track import generate
from jetracer.train.collect import OFF_LINE, STARTING_S, Disturbed, Trip, Watched, travel

SEED = 7000


@pytest.mark.parametrize("trip", [Trip(SEED, seconds=2.0), Trip(SEED, "road", 2.2, frames=2)], ids=["expert", "model"])
def test_a_trip_brings_labelled_frames(trip):
    found = travel(trip)
    assert 1 <= len(found) <= trip.frames
    for one in found:
        assert one.picture.shape == (224, 224, 3) and one.picture.dtype == np.uint8
        assert one.label.shape == (5,) and one.label[2] == 1.0
        assert (one.urgency > 0.0) == bool(trip.road)


def test_the_same_trip_brings_the_same():
    one, other = (travel(Trip(SEED, seconds=1.5))[0] for _ in range(2))
    assert (one.picture == other.picture).all() and (one.label == other.label).all()


def test_off_its_line_is_urgent_but_not_before_the_car_can_drive():
    track = generate(SEED)
    watched = Watched(track, PoseRenderer())
    for lateral in [0.8] * 30 + [0.1]:
        watched.frame(*track.pose_at(2.0, lateral * track.half_width_m), 0.0, 0.0, 0.0)
    assert watched.urgency[0] == -np.inf
    assert watched.urgency[round(STARTING_S * 30) + 1] == pytest.approx(0.8 - OFF_LINE, abs=0.02)
    assert watched.urgency[-1] == 0.0


def test_the_expert_is_disturbed_now_and_then():
    track = generate(SEED)
    expert = Disturbed(track, np.random.default_rng(3))
    pose = PoseRenderer().frame(*track.pose_at(2.0))
    aims = [expert.perceive(Frame(pose, number / 30, number)).aim.x for number in range(600)]
    usual = np.median(aims)
    aside = np.abs(np.array(aims) - usual) > 1e-6
    assert 0.05 < aside.mean() < 0.5
