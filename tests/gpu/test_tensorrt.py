"""`make gpu`: the adapter of the TensorRT that is installed, on this GPU, against ONNX Runtime; prints a table.

Skipped without a GPU or TensorRT. No figure is published that this did not print, with the device's name.
"""
from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.errors import EngineRefused, ModelError
from jetracer.drive.probes import road_probes
from jetracer.engine.build import build_engine, explain_build
from jetracer.engine.devices import device, device_here
from jetracer.engine.engine_file import may_drive, read_engine
from jetracer.engine.load import find_model, load_engine, sha256_of
from jetracer.engine.newest import Newest
from jetracer.engine.tensorrt_base import adapter_for, import_tensorrt
from jetracer.engine.tensorrt_native import Execution
from tests.engine.tiny_models import CARD, road_model
from tests.engine.tiny_probes import tiny_probes

pytestmark = pytest.mark.gpu

RUNS = 200


@pytest.fixture(scope="module")
def trt():
    try:
        return import_tensorrt()
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture
def kind():
    return device_here() if device_here().newest else device("x86-gpu")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_built_here_it_passes_the_gate_and_drives(precision, trt, cuda, kind, tmp_path):
    out = tmp_path / "road.engine"
    result = build_engine(find_model("road"), kind, trt, cuda, precision, out=out, probes=road_probes)
    header, plan = read_engine(out)
    picture = road_probes().pictures[0][np.newaxis]
    took_ms = []
    with Execution(adapter_for(trt), cuda, plan) as execution:
        captured = execution.captured
        np.copyto(execution.host["image"], picture)
        for _ in range(RUNS):
            started_s = time.perf_counter()
            execution.run()
            took_ms.append(1000 * (time.perf_counter() - started_s))
    p50, p99 = np.percentile(took_ms, (50, 99))
    aim_px, steering_deg = header.parity["aim_px"], header.parity["steering_deg"]
    print(f"\n| {cuda.name} | TensorRT {trt.__version__} | road {precision} | p50 {p50:.2f} ms | p99 {p99:.2f} ms "
          f"| aim {aim_px['mean']:.2g}, at most {aim_px['max']:.2g} px | steering {steering_deg['max']:.2g} degrees "
          f"| {'graph' if captured else 'no graph'} |")
    assert [report.step for report in result.reports] == ["parse", "optimise", "execute", "compare"]
    assert may_drive(header) == ""
    with load_engine("road") as wanted, load_engine(out) as engine:
        np.testing.assert_allclose(engine.infer({"image": picture})["aim"], wanted.infer({"image": picture})["aim"],
                                   atol=0.02)


def test_what_answers_otherwise_never_drives_and_is_explained(trt, cuda, kind, tmp_path):
    parent = road_model(tmp_path / "road.onnx")
    card = replace(CARD, precision="int8", parents=(sha256_of(parent),))
    child = road_model(tmp_path / "road.int8.onnx", card, bad=0.1)
    if not kind.int8:
        pytest.skip(f"{kind.title} has no INT8")
    header = build_engine(child, kind, trt, cuda, probes=tiny_probes).header
    assert "the aim is off in the mean by 15.8 px" in may_drive(header)
    with pytest.raises(EngineRefused, match="must not drive"):
        load_engine(tmp_path / "road.int8.engine")
    found = explain_build(child, kind, trt, cuda, tiny_probes())
    assert found.node.outputs == ("aim",) and found.before.aim_px < 1.0


def test_the_newest_picture_wins_while_the_gpu_works(trt, cuda, kind, tmp_path):
    out = tmp_path / "road.engine"
    build_engine(find_model("road"), kind, trt, cuda, out=out)
    pictures = road_probes().pictures[:road_probes().driving]
    last, answered = len(pictures) - 1, {}
    with load_engine("road") as wanted, Execution(adapter_for(trt), cuda, read_engine(out)[1]) as execution:
        newest = Newest(execution, "image")
        for number, picture in enumerate(pictures):
            newest.offer(picture[np.newaxis], number)
        until_s = time.monotonic() + 10.0
        while last not in answered and time.monotonic() < until_s:
            answer = newest.answer()
            if answer is not None:
                answered[answer[0]] = answer[1]
        assert last in answered and newest.dropped <= len(pictures) - 2
        for number, answer in answered.items():
            aim = wanted.infer({"image": pictures[number][np.newaxis]})["aim"]
            np.testing.assert_allclose(answer["aim"], aim, atol=0.02)
