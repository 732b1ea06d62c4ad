"""Without a GPU: what is chosen, and when the choice holds."""
from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from jetracer.cli.main import main
from jetracer.core.errors import ModelError
from jetracer.drive.prove import prove
from jetracer.engine import cpu_choice
from jetracer.engine.cpu_build import Entry, build_for_cpu, choose
from jetracer.engine.cpu_choice import read_choice, write_choice
from jetracer.engine.devices import device
from jetracer.engine.interleave import Latency
from jetracer.engine.load import find_model, load_engine, sha256_of
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.parity import Parity

from .tiny_models import CARD, road_model
from .tiny_probes import tiny_probes

PROBES = tiny_probes()
FP32, INT8 = "road.onnx", "road.int8-cpu.onnx"


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(cpu_choice, "_said", set())


@pytest.fixture
def model(tmp_path):
    return road_model(tmp_path / FP32)


def twin_of(model, bad=0.001, **entries):
    card = replace(CARD, **{"precision": "int8", "parents": (sha256_of(model),), **entries})
    return road_model(model.with_name(INT8), card, bad=bad)


def build(model, monkeypatch, ratios, precision="auto"):
    """With these ratios, in the order of the candidates; OpenVINO counts as installed only where it is needed."""
    monkeypatch.setattr("jetracer.engine.cpu_build.interleave", lambda runs, seconds: {
        name: Latency(1.0 / ratio, 2.0 / ratio, ratio) for name, ratio in zip(runs, ratios)})
    return build_for_cpu(model, PROBES, lambda file: prove(file, probes=PROBES), precision)


def without_openvino(monkeypatch):
    for place in ("cpu_build", "cpu_choice"):
        monkeypatch.setattr(f"jetracer.engine.{place}.versions", lambda: {"onnxruntime": "1.32.0", "openvino": ""})


def engine_of(model):
    with load_engine(model) as engine:
        facts = engine.facts()
        assert facts["engine"] == {"OnnxEngine": "onnx", "OpenVinoEngine": "openvino"}[type(engine).__name__]
        assert facts["precision"] == ("int8" if facts["file"] == INT8 else "fp32")
        assert facts["file_sha256"] == sha256_of(model.with_name(facts["file"]))
        return type(engine).__name__, facts["file"]


def entry(engine, precision, ratio, why_not=""):
    file = Path(FP32 if precision == "fp32" else INT8)
    return Entry(engine, file, precision, Parity(precision, 1, (), {}), Latency(1.0 / ratio, 1.0, ratio), why_not)


@pytest.mark.parametrize("entries, index, words", [
    ([("onnx", "fp32", 1.0)], 0, "ONNX Runtime in FP32 drives road.onnx, as it is."),
    ([("onnx", "fp32", 1.0), ("openvino", "fp32", 1.5)], 1,
     "OpenVINO in FP32 drives road.onnx, 1.50 times as fast as ONNX Runtime in FP32."),
    ([("onnx", "fp32", 1.0), ("openvino", "fp32", 1.04)], 0, "as it is"),
    ([("onnx", "fp32", 1.0), ("openvino", "fp32", 1.1), ("onnx", "int8", 2.6), ("openvino", "int8", 3.6)], 3,
     "OpenVINO in INT8 drives road.int8-cpu.onnx, 3.60 times"),
    ([("onnx", "fp32", 1.0), ("onnx", "int8", 0.7)], 0, "INT8 is slower here (0.70 times as fast): stays FP32. ONNX"),
    ([("onnx", "fp32", 1.0), ("openvino", "fp32", 2.0), ("onnx", "int8", 1.2), ("openvino", "int8", 2.04)], 1,
     "INT8 is hardly faster here (1.02 times as fast): stays FP32. OpenVINO"),
    ([("onnx", "fp32", 1.0), ("onnx", "int8", 2.6, "the aim is off")], 0,
     "INT8 may not drive (the aim is off): stays FP32."),
    ([("onnx", "fp32", 1.0), ("openvino", "fp32", 3.0, "it differs"), ("onnx", "int8", 1.4)], 2,
     "ONNX Runtime in INT8"),
])
def test_what_is_chosen(entries, index, words):
    made = [entry(*one) for one in entries]
    chosen, why = choose(made)
    assert chosen is made[index] and words in why


def test_nothing_fits():
    chosen, why = choose([entry("onnx", "int8", 1.0, "it differs")])
    assert chosen is None and "where the points are lost: jetracer build road.int8-cpu.onnx --explain" in why


def test_openvino_where_it_is_faster(model, monkeypatch):
    pytest.importorskip("openvino", reason="OpenVINO is not installed; run: pip install openvino")
    result = build(model, monkeypatch, [1.0, 1.5])
    assert [one.parity is None for one in result.entries] == [True, False]
    assert "OpenVINO" in str(result) and "1.50x  agrees with the model in FP32 on 14 pictures" in str(result)
    assert engine_of(model) == ("OpenVinoEngine", FP32)
    build(model, monkeypatch, [1.0, 0.9])
    assert engine_of(model) == ("OnnxEngine", FP32)


def test_the_int8_twin_where_it_agrees_and_is_faster(model, monkeypatch):
    without_openvino(monkeypatch)
    twin_of(model)
    result = build(model, monkeypatch, [1.0, 2.6])
    assert "OpenVINO is faster on many processors" in str(result)
    assert engine_of(model) == ("OnnxEngine", INT8)
    build(model, monkeypatch, [1.0, 0.7])
    assert engine_of(model) == ("OnnxEngine", FP32)
    assert build(model, monkeypatch, [1.0, 0.7], "int8").chosen.precision == "int8"
    assert build(model, monkeypatch, [1.0, 2.6], "fp32").chosen.precision == "fp32"


def test_a_twin_that_disagrees_or_is_anothers_does_not_drive(model, monkeypatch):
    without_openvino(monkeypatch)
    twin_of(model, bad=0.1)
    result = build(model, monkeypatch, [1.0, 2.6])
    assert result.chosen.precision == "fp32" and "INT8 may not drive (differs from the model" in result.why
    twin_of(model, parents=("ab" * 32,))
    assert "INT8 may not drive (it was made from another model)" in build(model, monkeypatch, [1.0, 2.6]).why
    twin = twin_of(model)
    twin.write_bytes(twin.read_bytes()[:-40])
    result = build(model, monkeypatch, [1.0])
    assert result.entries[1].latency is None and "no model that ONNX Runtime" in str(result)


def changed_model(model, monkeypatch):
    road_model(model, replace(CARD, name="trained again"))


def changed_twin(model, monkeypatch):
    twin_of(model, bad=0.003)


def no_twin(model, monkeypatch):
    model.with_name(INT8).unlink()


def another_processor(model, monkeypatch):
    monkeypatch.setattr(cpu_choice, "cpu_name", lambda: "another")


def another_runtime(model, monkeypatch):
    monkeypatch.setattr(cpu_choice, "versions", lambda: {"onnxruntime": "1.99", "openvino": ""})


def openvino_came(model, monkeypatch):
    monkeypatch.setattr(cpu_choice, "versions", lambda: {"onnxruntime": "1.32.0", "openvino": "2099.1"})


def a_digit_changed(model, monkeypatch):
    place = model.with_name("road.cpu.json")
    place.write_text(place.read_text().replace('"ratio": 2.6', '"ratio": 9.6'))


def cut_off(model, monkeypatch):
    place = model.with_name("road.cpu.json")
    place.write_bytes(place.read_bytes()[:100])


def never_compared(model, monkeypatch):
    place = model.with_name("road.cpu.json")
    write_choice(place, replace(read_choice(place), parity={}))


@pytest.mark.parametrize("change, words", [
    (changed_model, "the model was "), (changed_twin, "road.int8-cpu.onnx was "), (no_twin, "No such file"),
    (another_processor, "the processor was .*, and is another"),
    (another_runtime, "onnxruntime was 1.32.0, and is 1.99"),
    (openvino_came, "openvino was not there, and is 2099.1"), (a_digit_changed, "it is damaged"),
    (cut_off, "it cannot be read"), (never_compared, "not found to agree"),
])
def test_a_choice_that_does_not_hold_is_told_once(change, words, model, monkeypatch, caplog):
    without_openvino(monkeypatch)
    twin_of(model)
    build(model, monkeypatch, [1.0, 2.6])
    change(model, monkeypatch)
    with caplog.at_level(logging.WARNING):
        assert engine_of(model) == ("OnnxEngine", FP32) and engine_of(model) == ("OnnxEngine", FP32)
    (said,) = caplog.messages
    assert re.search(f"road.cpu.json does not hold: .*{words}", said)
    assert f"measure anew: jetracer build {model}" in said


def test_what_does_not_matter_is_not_told(model, monkeypatch, caplog):
    without_openvino(monkeypatch)
    build(model, monkeypatch, [1.0])
    changed_model(model, monkeypatch)
    assert engine_of(model) == ("OnnxEngine", FP32) and not caplog.messages


def test_of_a_shipped_model_it_is_in_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cpu_choice.choice_place(find_model("road"), Path("models")) == Path("models/road.cpu.json")
    assert load_engine("road").path == find_model("road")


def test_versions_are_of_what_is_installed():
    import onnxruntime
    assert cpu_choice.versions()["onnxruntime"] == onnxruntime.__version__
    assert cpu_choice._version("no_such_package") == ""


@pytest.mark.parametrize("precision, words", [
    ("int8", "make it first: jetracer optimize int8"), ("fp16", "not asked to calculate in FP16"),
])
def test_what_is_not_there_is_told(precision, words, model):
    with pytest.raises(ModelError, match=words):
        build_for_cpu(model, PROBES, prove, precision)


def test_an_int8_model_is_not_built_in_fp32(model):
    with pytest.raises(ModelError, match="is in INT8: for FP32 build the model that it was made from"):
        build_for_cpu(twin_of(model), PROBES, prove, "fp32")


def test_the_command(model, monkeypatch, capsys):
    without_openvino(monkeypatch)
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: device("cpu"))
    monkeypatch.setattr("jetracer.drive.probes.road_probes", lambda: PROBES)
    monkeypatch.setattr("jetracer.engine.cpu_build.interleave",
                        lambda runs, seconds: {name: Latency(1.0, 2.0, 1.0) for name in runs})
    assert main(["build", str(model)]) == 0
    told = capsys.readouterr().out
    assert "ONNX Runtime 1.32.0    FP32     1.00 ms  1.00x" in told and f"jetracer drive --road {model}" in told
    assert main(["build", str(model), "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["engine"] == "onnx" and told["candidates"][0]["latency_ms"] == {"p50": 1.0, "p99": 2.0}
    assert main(["build", str(model), "--dla"]) == 2


def test_measured_for_real(model):
    result = build_for_cpu(model, PROBES, prove, seconds=0.05)
    assert result.chosen and all(one.latency.p50_ms > 0.0 for one in result.entries)
    assert isinstance(load_engine(model), OnnxEngine) or result.chosen.engine == "openvino"
