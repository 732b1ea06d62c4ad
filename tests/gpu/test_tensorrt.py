"""`make gpu`: the adapter of the TensorRT that is installed, on this GPU, against ONNX Runtime; prints a table.

Skipped without a GPU or TensorRT. No figure is published that this did not print, with the device's name.
"""
from __future__ import annotations

import time

import numpy as np
import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.build import build_engine
from jetracer.engine.cuda import Cuda
from jetracer.engine.devices import device, device_here
from jetracer.engine.engine_file import read_engine
from jetracer.engine.load import find_model, load_engine
from jetracer.engine.tensorrt_base import adapter_for, import_tensorrt
from jetracer.engine.tensorrt_native import Execution

pytestmark = pytest.mark.gpu

FRAMES, RUNS = 32, 200
WITHIN = {"fp32": 1e-3, "fp16": 2e-2}  # of the aim, in half picture widths


@pytest.fixture(scope="module")
def trt():
    try:
        return import_tensorrt()
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture
def cuda():
    cuda = Cuda()
    try:
        cuda.open()
    except ModelError as error:
        pytest.skip(str(error))
    yield cuda
    cuda.close()


def pictures():
    return np.random.default_rng(0).integers(0, 256, (FRAMES, 1, 224, 224, 3), np.uint8)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_built_here_it_agrees_with_onnx_runtime(precision, trt, cuda, tmp_path):
    kind = device_here() if device_here().newest else device("x86-gpu")
    out = tmp_path / "road.engine"
    result = build_engine(find_model("road"), kind, trt, cuda, precision, out=out)
    _header, plan = read_engine(out)
    worst = 0.0
    with load_engine("road") as wanted, Execution(adapter_for(trt), cuda, plan) as execution:
        for image in pictures():
            np.copyto(execution.host["image"], image)
            answers = execution.run()
            for name, answer in wanted.infer({"image": image}).items():
                worst = max(worst, float(np.abs(answers[name] - answer).max()))
        took_ms = []
        for _ in range(RUNS):
            started_s = time.perf_counter()
            execution.run()
            took_ms.append(1000 * (time.perf_counter() - started_s))
    p50, p99 = np.percentile(took_ms, (50, 99))
    print(f"\n| {cuda.name} | TensorRT {trt.__version__} | road {precision} | p50 {p50:.2f} ms | p99 {p99:.2f} ms "
          f"| largest difference {worst:.1g} |")
    assert [report.step for report in result.reports] == ["parse", "optimise", "execute"]
    assert worst <= WITHIN[precision]
