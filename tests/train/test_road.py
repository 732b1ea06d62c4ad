"""Training: a tiny run learns, repeats, and tells its errors right."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

import cv2  # noqa: E402

from jetracer.models.road_net import RoadNetConfig  # noqa: E402
from jetracer.train.road import (  # noqa: E402
    Progress,
    RoadTrainConfig,
    batches,
    learning_rate,
    predict,
    scores,
    train,
    validate,
)
from jetracer.train.road_data import ABOUT, RoadData  # noqa: E402

SMALL = RoadNetConfig(8, (8, 16, 24), (0, 0, 0), 16)


@pytest.fixture(scope="module")
def blobs() -> RoadData:
    """Pictures of a bright spot; the aim is the spot."""
    random = np.random.default_rng(0)
    pictures = random.integers(60, 120, (160, 112, 112, 3), dtype=np.uint8)
    labels = np.zeros((160, 5), np.float32)
    for picture, label in zip(pictures, labels):
        x, y = random.uniform(-0.8, 0.8, 2)
        label[:] = x, y, 1.0, 1.0, 1.0
        cv2.circle(picture, (round(56 * (x + 1)), round(56 * (y + 1))), 8, (250, 240, 230), -1)
    return RoadData(Path(), pictures, labels, np.zeros((160, len(ABOUT)), np.float32), "0" * 64)


def test_one_short_run_learns_where_the_spot_is(blobs):
    losses = []
    config = RoadTrainConfig(epochs=4, batch=16, threads=1, net=SMALL)
    net = train(blobs, config, lambda now: losses.append(now.loss))
    assert losses[-1] < 0.7 * losses[0]
    assert validate(net, blobs)["aim_x_px_median"] < 40.0


def test_the_same_seed_gives_the_same_net(blobs):
    config = RoadTrainConfig(epochs=1, batch=64, threads=1, net=SMALL)
    first, second = predict(train(blobs, config), blobs), predict(train(blobs, config), blobs)
    assert np.allclose(first, second, atol=1e-4)


def test_progress_is_told_after_every_step(blobs):
    told = []
    train(blobs, RoadTrainConfig(epochs=2, batch=80, threads=1, net=SMALL), told.append)
    assert [now.step for now in told] == [1, 2, 3, 4]
    assert all(isinstance(now, Progress) and now.steps == 4 for now in told)


def test_the_rate_rises_once_and_falls_to_its_end():
    config = RoadTrainConfig()
    rates = [learning_rate(step, 1000, config) for step in range(1000)]
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(config.peak_rate)
    assert all(a < b for a, b in zip(rates[:top], rates[1:top]))
    assert all(a > b for a, b in zip(rates[top + 1:], rates[top + 2:]))
    assert rates[-1] == pytest.approx(config.last_rate, rel=0.05)


def test_an_epoch_shows_every_picture_once():
    rows = np.concatenate(list(batches(64, 16, np.random.default_rng(0))))
    assert sorted(rows.tolist()) == list(range(64))
    assert [len(part) for part in batches(5, 16, np.random.default_rng(0))] == [5]


def test_scores_count_only_frames_that_are_surely_on_the_lane():
    labels = np.array([[0.0, 0.0, 1, 1, 1], [0.5, 0.0, 1, 1, 0], [0.0, 0.0, 0, 0, 1]], np.float32)
    seen = np.array([[0.1, 0.0, 0.9], [-0.9, 0.9, 0.1], [0.0, 0.0, 0.2]], np.float32)
    told = scores(seen, labels)
    assert told["aim_x_px_median"] == pytest.approx(11.2)
    assert told["lane_seen"] == 1.0
    assert told["no_lane_seen"] == 1.0


def test_scores_of_nothing_are_not_a_number():
    told = scores(np.zeros((1, 3), np.float32), np.zeros((1, 5), np.float32))
    assert np.isnan(told["aim_x_px_median"])
