"""OpenVINO beside ONNX Runtime: the same answers, in FP32 and in INT8, from one thread."""
from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.base import ENGINES
from jetracer.engine.load import find_model
from jetracer.engine.onnx_runtime import OnnxEngine

from .tiny_models import INT8_STEP, int8_model, road_model


@pytest.fixture(autouse=True)
def installed():
    pytest.importorskip("openvino", reason="OpenVINO is not installed; run: pip install openvino")


def pictures(count, shape):
    """Static of different grain, so that edges of all sizes occur."""
    random = np.random.default_rng(1)
    _, height, width, channels = shape
    for index in range(count):
        grain = 1 << (index % 5)
        small = random.integers(0, 256, (-(-height // grain), -(-width // grain), channels), np.uint8)
        yield small.repeat(grain, 0).repeat(grain, 1)[None, :height, :width]


def worst_difference(path, count=24):
    worst = 0.0
    with OnnxEngine(path) as wanted, ENGINES.create("openvino", path) as engine:
        assert engine.card == wanted.card
        for image in pictures(count, wanted.card.input.shape):
            answers = engine.infer({"image": image})
            for name, answer in wanted.infer({"image": image}).items():
                assert answers[name].dtype == answer.dtype and answers[name].shape == answer.shape
                worst = max(worst, float(np.abs(answers[name] - answer).max()))
    return worst


def test_it_agrees_on_the_shipped_model():
    assert worst_difference(find_model("road")) < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_on_an_int8_graph(seed, tmp_path):
    """The outputs are means of 84 cells: a few of them may have been rounded the other way."""
    assert worst_difference(int8_model(tmp_path / "int8.onnx", seed)) < 4 * INT8_STEP / 84


def test_it_runs_in_the_thread_that_asks_and_in_no_other():
    with ENGINES.create("openvino", find_model("road")) as engine:
        image = next(pictures(1, engine.card.input.shape))
        before = _seconds_by_thread()
        for _ in range(100):
            engine.infer({"image": image})
        own = threading.get_native_id()
        spent = {number: seconds - before.get(number, 0.0) for number, seconds in _seconds_by_thread().items()}
    assert spent.pop(own) > 0.0
    assert sum(spent.values()) == pytest.approx(0.0, abs=0.03)


def _seconds_by_thread():
    """What each thread of this process has used of the processor."""
    spent_s = {}
    for place in Path("/proc/self/task").iterdir():
        fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
        spent_s[int(place.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent_s


def test_without_openvino_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match="run: pip install openvino"):
        ENGINES.create("openvino", road_model(tmp_path / "road.onnx")).open()
