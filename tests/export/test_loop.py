"""The whole loop, tiny: it labels what it may, keeps it, and tells what it cost."""
from __future__ import annotations

import json

import pytest

pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from dataclasses import replace

from jetracer.core.errors import ConfigError
from jetracer.data.formats.base import read
from jetracer.engine.load import load_engine
from jetracer.export.loop import Loop, LoopConfig, for_the_loop
from jetracer.sim.track import EVALUATION_FIRST_SEED, TRAINING_SEEDS, VALIDATION_SEEDS

TINY = LoopConfig(frames=5, steps=2, validation_tracks=1, tracks=1, validation_s=0.6, duration_s=0.6, trip_s=1.5,
                  workers=1, train=replace(for_the_loop(), batch=2))


def test_two_rounds_from_nothing_to_a_file_that_drives(tmp_path):
    said = []
    result = Loop(TINY, tmp_path / "loop", said.append).run("jetracer train loop --sim")
    assert [one["frames"] for one in result["rounds"]] == [3, 5]
    assert result["rounds"][0]["validation"]["config"]["first_seed"] == VALIDATION_SEEDS.start
    assert result["evaluation"]["config"]["first_seed"] == EVALUATION_FIRST_SEED
    assert result["rounds"][1]["success_rate"] == 0.0  # the motor controller is not even armed so soon
    assert not result["passed"]
    assert any("round 2: 5 labelled frames" in text for text in said)
    assert json.loads((tmp_path / "loop" / "loop.json").read_text())["frames"] == 5
    kept = read(tmp_path / "loop" / "frames").samples
    assert sorted(sample.tags[0] for sample in kept) == ["round1"] * 3 + ["round2"] * 2
    with load_engine(tmp_path / "loop" / "model.onnx") as engine:
        trained = engine.card.trained
    assert trained["frames"] == 5
    assert set(trained["seeds"]) <= set(TRAINING_SEEDS)


def test_it_ends_when_the_model_passes_or_time_is_up(tmp_path):
    passed = Loop(replace(TINY, enough=0.0), tmp_path / "passed", lambda text: None).run()
    assert len(passed["rounds"]) == 1
    late = Loop(replace(TINY, minutes=1e-6), tmp_path / "late", lambda text: None).run()
    assert len(late["rounds"]) == 1


def test_frames_are_shared_out_among_the_rounds():
    config = LoopConfig(frames=500, rounds=3, first=0.5)
    assert [config.budget(number) for number in range(3)] == [250, 125, 125]
    assert LoopConfig(frames=10, rounds=1).budget(0) == 10


def test_senseless_settings_and_full_folders_are_refused(tmp_path):
    for options in ({"frames": 0}, {"first": 0.0}, {"minutes": 0.0}):
        with pytest.raises(ConfigError):
            LoopConfig(**options)
    (tmp_path / "model.onnx").touch()
    with pytest.raises(ConfigError, match="there already"):
        Loop(TINY, tmp_path, print).run()
