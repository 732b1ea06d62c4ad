"""jetracer bench, as a person calls it."""
from __future__ import annotations

import json

import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.cli import bench
from jetracer.cli.main import main
from tests.engine.tiny_models import road_model


def measured(capsys, *words):
    assert main(["bench", *words, "--seconds", "0.1", "--json"]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    return table, json.loads(last)


def test_two_models_side_by_side(tmp_path, capsys):
    model = road_model(tmp_path / "tiny.onnx")
    table, result = measured(capsys, "road", str(model))
    road, tiny = result["models"]
    assert (road["name"], tiny["name"]) == ("road", str(model))
    assert road["ratio"] == 1.0
    assert tiny["ratio"] > 2.0, "a net of three products is far faster"
    assert 0 < tiny["latency_ms"]["p50"] <= tiny["latency_ms"]["p99"]
    assert tiny["size_bytes"] == model.stat().st_size
    assert (road["engine"], road["precision"]) == ("onnx", "fp32")
    assert table[2].startswith(str(model))


def test_the_same_model_twice_and_on_named_engines(capsys):
    _, result = measured(capsys, "road", "--engine", "onnx", "--engine", "null")
    assert [row["engine"] for row in result["models"]] == ["onnx", "null"]
    _, result = measured(capsys, "null", "null")
    assert [row["name"] for row in result["models"]] == ["null", "null #2"]


def test_a_noisy_computer_is_said():
    row = {"name": "road", "note": "", "spread": 1.6}
    assert "took 1.60 times as long" in bench._notes({"road": row})[0]
    assert bench._notes({"road": {**row, "spread": 1.1}}) == []


def test_what_is_not_there(capsys):
    assert main(["bench", "raod"]) == 1
    assert "did you mean 'road'" in capsys.readouterr().err
    assert main(["bench", "road", "--engine", "onyx"]) == 2
    assert "did you mean 'onnx'" in capsys.readouterr().err
