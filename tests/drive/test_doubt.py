"""Which frames of a drive are worth a label."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.errors import ConfigError
from jetracer.core.types import MANUAL, Aim
from jetracer.data.formats.base import read
from jetracer.drive.doubt import APART_S, SURE, WORTH, doubt, most_urgent, queue
from jetracer.engine.null import NullEngine
from jetracer.perception.road import RoadFollower
from tests.data.drives import record, step

SHAPED = np.tile(np.arange(0, 240, 7, dtype=np.uint8)[None, :32, None], (32, 1, 3))  # not blank


def road(x, confidence=1.0):
    return RoadFollower(NullEngine(Aim(x, 0.0), confidence))


def test_who_gives_the_mirrored_picture_the_mirrored_answer_does_not_doubt():
    assert doubt(road(-1.0 / 32), SHAPED)[1] == pytest.approx(0.0)  # the picture's middle, counted from pixel 0
    assert doubt(road(0.4), SHAPED)[1] == pytest.approx(0.8 + 2.0 / 32)
    assert doubt(road(-1.0 / 32, 0.5), SHAPED)[1] == pytest.approx(SURE - 0.5)
    scene, much = doubt(road(0.0), np.zeros_like(SHAPED))
    assert scene.aim is None and much == 1.0


def test_the_most_urgent_frames_are_not_neighbours():
    times = np.arange(40) / 10.0
    urgency = np.zeros(40)
    urgency[[5, 6, 20, 39]] = 0.3, 0.4, 0.2, 0.01
    assert most_urgent(urgency, times, 3, WORTH) == [6, 20]
    chosen = most_urgent(np.ones(40), times, 99)
    assert np.diff(sorted(times[chosen])).min() >= APART_S


@pytest.fixture
def drive(tmp_path):
    """Four seconds; from 2.0 s on the human drives."""
    steps = []
    for seq in range(40):
        one = step(seq, 100.0 + seq / 10.0)
        one = replace(one, frame=replace(one.frame, image=np.ascontiguousarray(SHAPED)))
        steps.append(replace(one, pilot=replace(one.pilot, mode=MANUAL)) if seq >= 20 else one)
    record(tmp_path / "drive.mcap", steps)
    return tmp_path / "drive.mcap"


def test_around_a_take_over_frames_are_queued(drive, tmp_path):
    result = queue([drive], NullEngine(Aim(-1.0 / 32, 0.0)), tmp_path / "queue", 10)
    assert (result["frames"], result["taken_over"], result["unsure"]) == (3, 3, 0)
    samples = read(tmp_path / "queue").samples
    assert len(samples) == 3
    assert all(sample.aim is None and sample.tags == ("taken_over",) for sample in samples)


def test_where_the_model_is_unsure_frames_are_queued_after_those(drive, tmp_path):
    result = queue([drive], NullEngine(Aim(0.5, 0.0)), tmp_path / "queue", 4)
    assert (result["frames"], result["taken_over"], result["unsure"]) == (4, 3, 1)


def test_nothing_to_label_is_said(drive, tmp_path):
    steps = [replace(one, frame=replace(one.frame, image=np.ascontiguousarray(SHAPED))) for one in map(step, range(9))]
    record(tmp_path / "good.mcap", steps)
    with pytest.raises(ConfigError, match="sure of every frame"):
        queue([tmp_path / "good.mcap"], NullEngine(Aim(-1.0 / 32, 0.0)), tmp_path / "queue", 4)
    assert not (tmp_path / "queue").exists()
