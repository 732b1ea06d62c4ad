from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from jetracer.core.errors import ModelError, ModelNotFound, UnknownName
from jetracer.core.types import Aim
from jetracer.engine.base import ENGINES
from jetracer.engine.load import load_engine
from jetracer.engine.null import NullEngine

from .tiny_models import HEIGHT, WIDTH, road_model


def test_a_file_is_loaded_and_ready(tmp_path):
    engine = load_engine(road_model(tmp_path / "road.onnx"))
    assert engine.card.name == "tiny"
    assert engine.infer({"image": np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)})["aim"].shape == (1, 2)


def test_null():
    engine = load_engine("null")
    answer = engine.infer({})
    assert answer["aim"].shape == (1, 2) and answer["confidence"].shape == (1, 1)
    assert engine.card.task == "road"


def test_null_with_an_aim_of_ones_own():
    answer = NullEngine(Aim(0.5, -0.5), confidence=0.25).infer({})
    assert answer["aim"].tolist() == [[0.5, -0.5]] and answer["confidence"].tolist() == [[0.25]]


def test_a_wrong_name_gets_the_nearest_right_one():
    with pytest.raises(ModelNotFound, match="no model 'nul'; did you mean 'null'"):
        load_engine("nul")


@pytest.mark.parametrize("name, words", [
    ("model.pt", "PyTorch weights only; run: jetracer export onnx"),
    ("model.pth", "is damaged"),
    ("model.tflite", "convert it to ONNX"),
    ("model.xyz", "No engine runs 'model.xyz'"),
])
def test_other_kinds_of_files(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(ModelError, match=words):
        load_engine(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(ModelNotFound):
        load_engine(tmp_path / "gone.onnx")


def test_registry():
    assert set(ENGINES.names) >= {"null", "onnx"}
    with pytest.raises(UnknownName, match="did you mean 'onnx'"):
        ENGINES.create("onxx")


def test_naming_engines_loads_nothing_heavy():
    code = "import sys, jetracer.engine.load; print({'onnx', 'onnxruntime', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
