"""Training: a tiny run learns, repeats, goes on where it was cut off, and ends when nothing gets better."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

import cv2  # noqa: E402

from jetracer.core.errors import ConfigError, ModelError  # noqa: E402
from jetracer.models.road_net import RoadNet, RoadNetConfig  # noqa: E402
from jetracer.train.checkpoint import LAST  # noqa: E402
from jetracer.train.config import TrainConfig  # noqa: E402
from jetracer.train.fit import JUDGED_BY, Progress, Training, batches, fit, learning_rate  # noqa: E402
from jetracer.train.metrics import predict, scores, validate  # noqa: E402
from jetracer.train.pictures import PictureSet  # noqa: E402

SMALL = RoadNetConfig(8, (8, 16, 24), (0, 0, 0), 16)
QUICK = TrainConfig(epochs=1, batch=64)


def net() -> RoadNet:
    torch.manual_seed(1)
    return RoadNet(SMALL)


@pytest.fixture(scope="module")
def blobs() -> PictureSet:
    """Pictures of a bright spot; the aim is the spot."""
    random = np.random.default_rng(0)
    pictures = random.integers(60, 120, (160, 112, 112, 3), dtype=np.uint8)
    labels = np.zeros((160, 5), np.float32)
    for picture, label in zip(pictures, labels):
        x, y = random.uniform(-0.8, 0.8, 2)
        label[:] = x, y, 1.0, 1.0, 1.0
        cv2.circle(picture, (round(56 * (x + 1)), round(56 * (y + 1))), 8, (250, 240, 230), -1)
    return PictureSet(pictures, labels, tuple(map(str, range(160))))


def first(data: PictureSet, count: int) -> PictureSet:
    return PictureSet(data.pictures[:count], data.labels[:count], data.names[:count])


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))


def test_one_short_run_learns_where_the_spot_is(blobs):
    losses = []
    result = fit(net(), blobs, TrainConfig(epochs=4, batch=16), watch=lambda now: losses.append(now.loss))
    assert losses[-1] < 0.7 * losses[0]
    assert validate(result.net, blobs)["aim_x_px_median"] < 40.0


def test_the_same_seed_gives_the_same_net(blobs):
    assert same(fit(net(), blobs, QUICK).net, fit(net(), blobs, QUICK).net)
    assert not same(fit(net(), blobs, QUICK).net, fit(net(), blobs, replace(QUICK, seed=2)).net)


def test_a_run_that_was_cut_off_goes_on_to_the_same_bits(blobs, tmp_path):
    config = TrainConfig(epochs=3, batch=80, amp="fp16")
    whole = fit(net(), blobs, config, first(blobs, 32))

    def cut(now: Progress) -> None:
        if now.step == 3:  # in the middle of the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(net(), blobs, config, first(blobs, 32), cut, tmp_path)
    steps = []
    torch.manual_seed(99)  # what chance was doing meanwhile does not matter
    resumed = fit(RoadNet(SMALL), blobs, config, first(blobs, 32), lambda now: steps.append(now.step), tmp_path)
    assert steps == [3, 4, 5, 6]
    assert same(whole.net, resumed.net)
    assert [entry["loss"] for entry in whole.history] == [entry["loss"] for entry in resumed.history]


def test_the_scale_of_16_bit_losses_belongs_to_the_checkpoint(blobs, tmp_path):
    fit(net(), blobs, replace(QUICK, amp="fp16"), folder=tmp_path)
    kept = torch.load(tmp_path / LAST, weights_only=True)["scaler"]
    run = Training(net(), replace(QUICK, amp="fp16"), len(blobs))
    assert run.precision.scaler.state_dict() != kept
    run.resume(torch.load(tmp_path / LAST, weights_only=True))
    assert run.precision.scaler.state_dict() == kept


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_16_bits_learn_as_well_as_32(blobs, amp):
    config = TrainConfig(epochs=2, batch=32, peak_rate=1e-3)
    exact, short = (fit(net(), blobs, one).history[-1]["loss"] for one in (config, replace(config, amp=amp)))
    assert short == pytest.approx(exact, rel=0.01)


def test_a_batch_in_parts_teaches_about_the_same(blobs):
    config = TrainConfig(epochs=2, batch=32)
    whole, parts = (fit(net(), blobs, one).history[-1]["loss"] for one in (config, replace(config, accumulate=4)))
    assert parts == pytest.approx(whole, rel=0.1)  # batch norms see fewer pictures at once


def test_it_ends_when_nothing_gets_better_and_keeps_the_best(blobs):
    hopeless = replace(QUICK, epochs=20, patience=2, peak_rate=0.3, last_rate=0.3, average_decay=0.0)
    result = fit(net(), blobs, hopeless, first(blobs, 64))
    judged = [entry[JUDGED_BY] for entry in result.history]
    assert len(judged) < 20
    assert len(judged) == int(np.argmin(judged)) + 1 + 2
    assert validate(result.net, first(blobs, 64))[JUDGED_BY] == pytest.approx(min(judged), abs=1e-3)


def test_a_checkpoint_of_another_training_is_refused(blobs, tmp_path):
    fit(net(), blobs, QUICK, folder=tmp_path)
    with pytest.raises(ModelError, match="another data set or configuration"):
        fit(net(), blobs, replace(QUICK, seed=5), folder=tmp_path)
    with pytest.raises(ModelError, match="another net"):
        fit(RoadNet(RoadNetConfig()), blobs, QUICK, folder=tmp_path)
    (tmp_path / LAST).write_bytes((tmp_path / LAST).read_bytes()[:999])
    with pytest.raises(ModelError, match=r"is damaged .* delete it"):
        fit(net(), blobs, QUICK, folder=tmp_path)


def test_nothing_to_learn_from_is_told(blobs):
    with pytest.raises(ConfigError, match="no pictures to learn from"):
        fit(net(), first(blobs, 0), QUICK)


def test_progress_is_told_after_every_step(blobs):
    told = []
    fit(net(), blobs, replace(QUICK, epochs=2, batch=80), first(blobs, 16), told.append)
    assert [now.step for now in told] == [1, 2, 3, 4]
    assert [now.scores is not None for now in told] == [False, True, False, True]


def test_the_rate_rises_once_and_falls_to_its_end():
    config = TrainConfig()
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
    nothing = PictureSet(np.zeros((0, 112, 112, 3), np.uint8), np.zeros((0, 5), np.float32), ())
    assert predict(net(), nothing).shape == (0, 3)
