"""From a model to its engine file, on a stand-in of each TensorRT; and the plans for all of them."""
from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from jetracer.cli.main import main
from jetracer.core.errors import ConfigError, EngineRefused, ModelError
from jetracer.drive import probes
from jetracer.engine.build import build_engine, check_place, engine_place
from jetracer.engine.build_plan import make_plan
from jetracer.engine.devices import device
from jetracer.engine.engine_file import may_drive, read_engine
from jetracer.engine.load import SHIPPED, sha256_of
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.tensorrt_base import BuildStopped
from tests import golden_build

from .fake_cuda import FakeCuda
from .fake_tensorrt import fake_tensorrt
from .tiny_models import CARD, road_model
from .tiny_probes import tiny_probes

NANO = {"version": "8.2.1.9", "kind": "nano", "cuda": {"name": "NVIDIA Tegra X1", "capability": "5.3"}}
ORIN = {"version": "10.3.0.26", "kind": "orin-nano", "cuda": {}}


def build(path, board, dla_cores=0, **options):
    cuda = FakeCuda(**board["cuda"])
    trt = fake_tensorrt(board["version"], cuda, dla_cores)
    return build_engine(path, device(board["kind"]), trt, cuda, **{"probes": tiny_probes, **options})


@pytest.fixture
def model(tmp_path):
    return road_model(tmp_path / "road.onnx")


@pytest.mark.parametrize("plan", golden_build.PLANS, ids="-".join)
def test_golden_plans(plan, monkeypatch):
    assert golden_build.told(*plan) == golden_build.path(*plan).read_text(), "make golden, and read what changed"


@pytest.mark.parametrize("board", [NANO, ORIN])
def test_it_is_built_whole_and_compared_with_its_model(board, model):
    result = build(model, board)
    header, plan = read_engine(model.with_suffix(".engine"))
    assert [report.step for report in result.reports] == ["parse", "optimise", "execute", "compare"]
    assert header == result.header and header.tensorrt == board["version"] and plan.startswith(b"ftrt")
    assert header.model_card("it") == CARD
    assert may_drive(header) == "" and header.parity["precision"] == header.precision == "fp16"
    assert header.parity["aim_px"] == {"mean": 0.0, "max": 0.0}
    assert header.parity["parent_sha256"] == header.model_sha256, "a model in FP32 is its own measure"
    assert {path.suffix for path in model.parent.iterdir()} == {".onnx", ".engine", ".cache"}


class Wrong(FakeCuda):
    """A GPU that brings the answers back changed."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def download(self, target, address):
        super().download(target, address)
        self.ask(lambda: np.copyto(target, self._change(target)))


@pytest.mark.parametrize("change, words", [
    (lambda answer: answer * np.float32(0.9), "the aim is off in the mean by"),
    (lambda answer: answer[:, ::-1], "the aim is off in the mean by"),
    (lambda answer: np.where(answer > 0.5, np.float32("inf"), answer), "aim is not a number in"),
    (lambda answer: answer * 0, "aim does not change with the picture"),
])
def test_what_does_not_agree_is_written_and_never_drives(change, words, model):
    cuda = Wrong(change)
    result = build_engine(model, device("orin-nano"), fake_tensorrt("10.3.0.26", cuda), cuda, probes=tiny_probes)
    header, _plan = read_engine(model.with_suffix(".engine"))
    assert header.parity["passed"] is False and words in may_drive(header)
    assert words in result.reports[-1].detail
    again = build_engine(model, device("orin-nano"), fake_tensorrt("10.3.0.26", cuda), cuda, probes=tiny_probes)
    assert not again.reports and words in may_drive(again.header), "it is told again, not built again"


def test_without_pictures_it_is_not_compared_and_does_not_drive(model):
    result = build(model, ORIN, probes=None)
    assert may_drive(result.header) == "it was never compared with its model" and len(result.reports) == 3
    assert build(model, ORIN).reports, "built again, to be compared"


def test_one_in_int8_is_compared_with_its_parent_in_fp32(model):
    card = replace(CARD, precision="int8", parents=(sha256_of(model),))

    def child(bad):
        return road_model(model.with_name("road.int8.onnx"), card, bad=bad)

    header = build(child(0.002), ORIN).header
    assert may_drive(header) == "" and header.parity["precision"] == "int8"
    assert header.parity["parent_sha256"] == sha256_of(model) != header.model_sha256
    assert "the aim is off in the mean by" in may_drive(build(child(0.1), ORIN).header)
    model.unlink()
    with pytest.raises(EngineRefused, match=r"must be compared with the model in FP32 .* copy it there and run again"):
        build(child(0.002), ORIN, watch=lambda *now: pytest.fail("it is said before the work"))


def test_before_8_5_the_model_with_floats_is_left_for_trtexec(model):
    result = build(model, NANO)
    left = model.with_suffix(".float.onnx")
    assert f"--onnx={left}" in result.plan.trtexec and result.header.flags == ("float-input",)
    assert onnx.load(str(left)).graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_tensorrt_11_is_given_a_model_in_fp16(model, monkeypatch):
    thor = {"version": "11.4.0.106", "kind": "thor", "cuda": {"name": "NVIDIA Thor", "capability": "11.0"}}
    result = build(model, thor)
    cast = model.with_suffix(".fp16.onnx")
    assert result.header.precision == "fp16" and f"--onnx={cast}" in result.plan.trtexec
    assert result.header.model_sha256 == sha256_of(model), "it stands for the one in FP32"
    with OnnxEngine(cast) as half:
        assert half.card.precision == "fp16"
    cast.unlink()
    assert build(model, thor, precision="fp32").header.precision == "fp32" and not cast.exists()
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "jetracer.optimize.fp16")
    with pytest.raises(ModelError, match=r"onnx is missing to make one; run: pip install 'jetracer\[optimize\]'"):
        build(model, thor)


def test_what_is_there_is_not_built_again(model):
    assert build(model, ORIN).reports
    assert not build(model, ORIN).reports
    assert build(model, ORIN, force=True).reports
    assert build(model, ORIN, precision="fp32").reports, "another precision"
    model.with_suffix(".engine").write_bytes(b"damaged")
    assert build(model, ORIN).reports, "what is damaged is built anew"


def test_a_build_that_was_ended_leaves_its_timings_and_no_engine(model):
    with pytest.raises(BuildStopped):
        build(model, ORIN, watch=lambda phase, done, total: done < 2)
    assert not model.with_suffix(".engine").exists()
    cache = next(model.parent.glob("timing-*.cache"))
    before = cache.read_bytes()
    assert build(model, ORIN).reports and cache.read_bytes() == before


@pytest.mark.parametrize("board, ended", [(ORIN, BuildStopped), (NANO, KeyboardInterrupt)])
def test_ctrl_c_ends_it(board, ended, model, monkeypatch):
    waits = iter([KeyboardInterrupt])
    join = threading.Thread.join

    def interrupted(thread, timeout=None):
        for error in waits:
            raise error
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(ended):
        build(model, board, watch=lambda *now: not threading.main_thread().is_alive())
    assert not model.with_suffix(".engine").exists()


def test_dla_only_where_there_is_one(model):
    agx = {**ORIN, "kind": "orin-agx"}
    assert build(model, agx, dla_cores=2, dla=True).header.flags == ("dla0",)
    with pytest.raises(ModelError, match=r"Orin Nano has no deep learning accelerator"):
        build(model, ORIN, dla=True)
    with pytest.raises(ModelError, match="FP16 and INT8 only"):
        build(model, agx, dla=True, precision="fp32")
    with pytest.raises(ModelError, match=r"TensorRT 11\.2 builds nothing for the DLA"):
        make_plan(model, CARD, device("orin-agx"), (11, 2), Path("e"), dla=True)


def test_little_memory_is_said():
    plan = make_plan(Path("m.onnx"), CARD, device("nano"), (8, 2), Path("m.engine"), free_mb=300)
    assert plan.settings.workspace_mb == 64 and "only 300 MB of memory are free" in str(plan)


def test_where_the_engine_goes(tmp_path):
    assert engine_place(Path("laps/road.onnx")) == Path("laps/road.engine")
    assert engine_place(SHIPPED / "road.onnx") == Path("models/road.engine")
    check_place(tmp_path / "new" / "road.engine")


def test_a_place_that_cannot_be_written_is_said_before_the_work(model, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ConfigError, match="cannot be written to; choose another place with --out"):
        build(model, ORIN)


def test_the_command_without_a_gpu(model, capsys, monkeypatch):
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: device("cpu"))
    assert main(["build", str(model), "--device", "nano"]) == 2
    assert "add --dry-run to see the plan" in capsys.readouterr().err
    assert main(["build", str(model), "--device", "cpu", "--dry-run"]) == 1
    assert "needs no build" in capsys.readouterr().err
    assert main(["build", str(model.with_suffix(".engine")), "--dry-run", "--device", "nano"]) == 1
    assert "is no ONNX file" in capsys.readouterr().err


def test_the_plan_as_json(model, capsys):
    assert main(["build", str(model), "--dry-run", "--device", "nano", "--precision", "int8", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["tensorrt"] == "8.2" and plan["precision"] == "fp16" and plan["float_input"]
    assert plan["steps"][0] == ["precision", "this Nano has no INT8: building FP16"]


def test_the_command_on_a_board(model, capsys, monkeypatch):
    cuda = FakeCuda()
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: device("orin-nano"))
    monkeypatch.setattr("jetracer.cli.build.import_tensorrt", lambda: fake_tensorrt("10.3.0.26", cuda))
    monkeypatch.setattr("jetracer.cli.build.Cuda", lambda: cuda)
    monkeypatch.setattr(probes, "road_probes", tiny_probes)
    assert main(["build", str(model)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Orin Nano calculates in FP16: building FP16\nparse ")
    assert "agrees with the model in FP32 on 14 pictures: aim 0 px of 224" in text
    assert f"drive with it: jetracer drive --road {model.with_suffix('.engine')}" in text
    assert main(["build", str(model)]) == 0
    assert "is this very engine already" in capsys.readouterr().out
    assert main(["build", str(model), "--force", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["built"] and told["may_drive"] and told["parity"]["passed"] and len(told["reports"]) == 4


def test_the_command_when_it_does_not_agree(model, capsys, monkeypatch):
    cuda = Wrong(lambda answer: answer * 0)
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: device("orin-nano"))
    monkeypatch.setattr("jetracer.cli.build.import_tensorrt", lambda: fake_tensorrt("10.3.0.26", cuda))
    monkeypatch.setattr("jetracer.cli.build.Cuda", lambda: cuda)
    monkeypatch.setattr(probes, "road_probes", tiny_probes)
    for _ in range(2):
        assert main(["build", str(model)]) == 1
        text = capsys.readouterr().out
        assert "road.engine: it does not agree with its model (aim does not change with the picture" in text
        assert f"must not drive; where the points are lost: jetracer build {model} --explain" in text
    assert main(["build", str(model), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["may_drive"] and not told["parity"]["passed"]
