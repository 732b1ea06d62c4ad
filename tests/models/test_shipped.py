"""The model that ships: it loads without torch, is small, and its card says how it was made."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import jetracer
from jetracer.engine.load import load_engine
from jetracer.sim.track import EVALUATION_FIRST_SEED, TRAINING_SEEDS, VALIDATION_SEEDS

ROAD = Path(jetracer.__file__).parent / "models" / "road.onnx"


@pytest.fixture(scope="module")
def engine():
    with load_engine("road") as engine:
        yield engine


def test_it_is_at_most_two_megabytes():
    assert ROAD.stat().st_size <= 2_000_000


def test_its_card_says_what_it_needs_and_how_it_was_made(engine):
    card = engine.card
    assert card.task == "road"
    assert (card.input.width, card.input.height) == (224, 224)
    assert (card.input.layout, card.input.dtype, card.input.color) == ("NHWC", "uint8", "bgr")
    assert set(card.outputs) == {"aim", "confidence"}
    assert "make_model" in card.created_by
    assert len(card.trained["hash"]) == 64
    assert card.trained["frames"] >= 10_000
    assert card.trained["lookahead_m"] > 0


def test_it_was_trained_on_training_tracks_alone(engine):
    first, last = engine.card.trained["seeds"]
    assert first in TRAINING_SEEDS
    assert last in TRAINING_SEEDS
    first, last = engine.card.trained["validation_seeds"]
    assert first in VALIDATION_SEEDS
    assert last in VALIDATION_SEEDS
    assert engine.card.trained["evaluation_first_seed"] == EVALUATION_FIRST_SEED


def test_its_validation_error_is_small(engine):
    assert engine.card.metrics["aim_x_px_median"] <= 3.5
    assert engine.card.metrics["export_difference"] <= 1e-4


@pytest.mark.parametrize("level", [0, 128, 255])
def test_it_sees_no_lane_in_a_blank_picture(engine, level):
    out = engine.infer({"image": np.full((1, 224, 224, 3), level, np.uint8)})
    assert out["aim"].shape == (1, 2)
    assert out["confidence"].shape == (1, 1)
    assert out["confidence"][0, 0] < 0.5


def test_it_answers_within_range_whatever_it_is_shown(engine):
    random = np.random.default_rng(0)
    for _ in range(20):
        out = engine.infer({"image": random.integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)})
        assert np.abs(out["aim"]).max() <= 1.0
        assert 0.0 <= out["confidence"][0, 0] <= 1.0
