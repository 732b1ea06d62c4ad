"""From a model to its engine file, on a stand-in of each TensorRT; and the plans for all of them."""
from __future__ import annotations

import json
import threading
from pathlib import Path

import onnx
import pytest

from jetracer.cli.main import main
from jetracer.core.errors import ConfigError, ModelError
from jetracer.engine.build import build_engine, check_place, engine_place
from jetracer.engine.build_plan import make_plan
from jetracer.engine.devices import device
from jetracer.engine.engine_file import may_drive, read_engine
from jetracer.engine.load import SHIPPED
from jetracer.engine.tensorrt_base import BuildStopped
from tests import golden_build

from .fake_cuda import FakeCuda
from .fake_tensorrt import fake_tensorrt
from .tiny_models import CARD, road_model

NANO = {"version": "8.2.1.9", "kind": "nano", "cuda": {"name": "NVIDIA Tegra X1", "capability": "5.3"}}
ORIN = {"version": "10.3.0.26", "kind": "orin-nano", "cuda": {}}


def build(path, board, dla_cores=0, **options):
    cuda = FakeCuda(**board["cuda"])
    trt = fake_tensorrt(board["version"], cuda, dla_cores)
    return build_engine(path, device(board["kind"]), trt, cuda, **options)


@pytest.fixture
def model(tmp_path):
    return road_model(tmp_path / "road.onnx")


@pytest.mark.parametrize("plan", golden_build.PLANS, ids="-".join)
def test_golden_plans(plan, monkeypatch):
    assert golden_build.told(*plan) == golden_build.path(*plan).read_text(), "make golden, and read what changed"


@pytest.mark.parametrize("board", [NANO, ORIN])
def test_it_is_built_whole_and_waits_for_its_comparison(board, model):
    result = build(model, board)
    header, plan = read_engine(model.with_suffix(".engine"))
    assert [report.step for report in result.reports] == ["parse", "optimise", "execute"]
    assert header == result.header and header.tensorrt == board["version"] and plan.startswith(b"ftrt")
    assert header.model_card("it") == CARD
    assert may_drive(header) == "it was never compared with its model"
    assert {path.suffix for path in model.parent.iterdir()} == {".onnx", ".engine", ".cache"}


def test_before_8_5_the_model_with_floats_is_left_for_trtexec(model):
    result = build(model, NANO)
    left = model.with_suffix(".float.onnx")
    assert f"--onnx={left}" in result.plan.trtexec and result.header.flags == ("float-input",)
    assert onnx.load(str(left)).graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


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
    assert main(["build", str(model)]) == 0
    assert "no NVIDIA GPU, so ONNX Runtime runs" in capsys.readouterr().out
    assert main(["build", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["engine"] == "onnx"
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
    assert main(["build", str(model)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Orin Nano calculates in FP16: building FP16\nparse ")
    assert "must not drive yet: it was never compared with its model" in text
    assert main(["build", str(model)]) == 0
    assert "is this very engine already" in capsys.readouterr().out
    assert main(["build", str(model), "--force", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["built"] and not told["may_drive"] and len(told["reports"]) == 3
