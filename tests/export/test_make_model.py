"""The whole recipe, tiny: from no data to a model file that drives an engine."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.engine.load import load_engine
from jetracer.export.make_model import QUICK, Recipe, make_model, parse
from jetracer.sim.track import TRAINING_SEEDS, VALIDATION_SEEDS


def test_no_pictures_to_a_loaded_model_with_a_complete_card(tmp_path):
    said = []
    cache, out = tmp_path / "data", tmp_path / "road.onnx"
    tiny = Recipe(2, 1, views=2, epochs=1, processes=1, threads=1, cache=cache, out=out)
    metrics = make_model(tiny, said.append, "python -m jetracer.export.make_model --tracks 2")
    assert metrics["frames"] == tiny.validation.per_track == 20
    assert any("written" in text for text in said)
    with load_engine(out) as engine:
        card = engine.card
        out = engine.infer({"image": np.zeros((1, 224, 224, 3), np.uint8)})
    assert out["aim"].shape == (1, 2)
    assert card.trained["tracks"] == 2
    assert card.trained["seeds"] == (0, 1) or card.trained["seeds"] == [0, 1]
    assert card.trained["lookahead_m"] == tiny.lookahead_m
    assert card.created_by.endswith("--tracks 2")
    assert "aim_x_px_median" in card.metrics


def test_training_and_validation_use_their_own_seeds():
    for recipe in (Recipe(), QUICK):
        assert set(recipe.training.seeds) <= set(TRAINING_SEEDS)
        assert set(recipe.validation.seeds) <= set(VALIDATION_SEEDS)


def test_options_change_the_recipe():
    recipe = parse(["--tracks", "7", "--lookahead-m", "0.9", "--quick"])
    assert (recipe.tracks, recipe.epochs, recipe.lookahead_m) == (7, QUICK.epochs, 0.9)
    assert recipe.training.label.lookahead_m == 0.9
