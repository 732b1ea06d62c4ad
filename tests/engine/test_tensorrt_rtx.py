"""The real parser and builder: TensorRT for RTX has TensorRT 11's API and builds without a GPU. It runs nothing."""
from __future__ import annotations

import subprocess
import sys

import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.build_plan import Settings
from jetracer.engine.load import SHIPPED
from jetracer.engine.tensorrt_11 import TensorRT11
from jetracer.engine.tensorrt_base import BuildStopped

from .tiny_models import nvidia_model, road_model

trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install -e '.[tensorrt]'")

# RTX keeps no timings and says so at each call; TensorRT does
pytestmark = pytest.mark.filterwarnings("ignore:.*Timing cache operations:DeprecationWarning")

SETTINGS = Settings("fp32", workspace_mb=64, strongly_typed=True)


def build(model: bytes, **how):
    adapter = TensorRT11(trt)
    return adapter.optimise(adapter.parse(model, SETTINGS), SETTINGS, **how)


def test_the_shipped_model_is_one_that_tensorrt_accepts():
    told = []
    made = build((SHIPPED / "road.onnx").read_bytes(), watch=lambda *now: told.append(now) or True)
    assert len(made.plan) > 100_000 and made.timing_cache
    assert told and all(phase and 1 <= done <= total for phase, done, total in told)
    assert build((SHIPPED / "road.onnx").read_bytes(), cache=made.timing_cache).plan


FORGOTTEN = """
import gc
import tensorrt_rtx as trt
from jetracer.engine.tensorrt_base import create

class Logger(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
    def log(self, severity, text):
        gc.collect()

gc.disable()
box = [trt.Builder(Logger())]
box.append(box)  # only the collector can tell that nobody has it any more
del box
create(trt.Builder, Logger())  # says that it is another logger
"""


def test_a_builder_that_is_forgotten_does_not_hold_up_the_next():
    subprocess.run([sys.executable, "-c", FORGOTTEN], check=True, timeout=60)


def test_a_build_can_be_ended():
    with pytest.raises(BuildStopped) as caught:
        build((SHIPPED / "road.onnx").read_bytes(), watch=lambda *now: False)
    assert caught.value.timing_cache


@pytest.mark.parametrize("make", [road_model, nvidia_model])
def test_small_models(make, tmp_path):
    assert build(make(tmp_path / "model.onnx").read_bytes()).plan


def test_rubbish_is_refused_in_words():
    with pytest.raises(ModelError, match=r"cannot read the model \(node -1.*Failed to parse"):
        build(b"\xff not a model")
