"""Learning from few frames: each is used as often as the others, and time ends it."""
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.models.road_net import RoadNet, RoadNetConfig  # noqa: E402
from jetracer.train.config import TrainConfig  # noqa: E402
from jetracer.train.nearby import Nearby  # noqa: E402
from jetracer.train.refine import Frames, refine  # noqa: E402

SMALL = RoadNetConfig(8, (8, 16, 16), hidden=8)


def frames(count=6):
    """A bright bar where the aim is, on grey."""
    pictures, labels = [], []
    for x in np.linspace(-0.6, 0.6, count):
        picture = np.full((224, 224, 3), 90, np.uint8)
        picture[:, round(112 * (x + 1.0)) - 12:][:, :24] = 230
        pictures.append(picture)
        labels.append(np.array([x, 0.0, 1.0, 1.0, 1.0], np.float32))
    return Frames(pictures, labels)


def test_every_frame_is_taken_equally_often():
    data = frames()
    data.labels = [np.array([at, 0.0, 0.0, 0.0, 1.0], np.float32) for at in range(6)]  # no aim: not moved
    taken = [label[0] for _, labels in data.batches(4, 3, Nearby(), np.random.default_rng(4)) for label in labels]
    assert sorted(value for value in taken if value) == pytest.approx([1, 1, 2, 2, 3, 3, 4, 4, 5, 5])


def test_a_batch_is_what_the_net_takes():
    pictures, labels = next(frames().batches(3, 1, Nearby(), np.random.default_rng(0)))
    assert pictures.shape == (3, 112, 112, 3) and pictures.dtype == np.uint8
    assert labels.shape == (3, 5) and labels.dtype == np.float32


def test_it_learns_and_repeats():
    nets, losses = [], []
    for _ in range(2):
        torch.manual_seed(0)
        seen = []
        config = TrainConfig(epochs=1, batch=6, average_decay=0.5)
        nets.append(refine(RoadNet(SMALL), frames(), config, 30, seen.append))
        losses.append([now.loss for now in seen])
    assert np.mean(losses[0][-10:]) < 0.8 * np.mean(losses[0][:10])
    assert losses[0] == losses[1]
    assert all((one == other).all() for one, other in zip(nets[0].state_dict().values(), nets[1].state_dict().values()))


def test_time_ends_it():
    seen, spent = [], iter((0.0, 0.2, 0.5, 0.6, 0.9, 1.0))
    refine(RoadNet(SMALL), frames(), TrainConfig(epochs=1, batch=2), 50, seen.append, lambda: next(spent))
    assert [now.step for now in seen] == [1, 26, 46]
