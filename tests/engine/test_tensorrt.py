"""Every adapter through a strict stand-in of its TensorRT, down to the answers; and none through another's."""
from __future__ import annotations

import importlib

import numpy as np
import onnxruntime
import pytest

from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.engine.build_plan import Settings
from jetracer.engine.cuda import Cuda
from jetracer.engine.float_input import with_float_input
from jetracer.engine.load import SHIPPED
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.tensorrt_8_2 import TensorRT82
from jetracer.engine.tensorrt_8_5 import TensorRT85
from jetracer.engine.tensorrt_10 import TensorRT10
from jetracer.engine.tensorrt_11 import TensorRT11
from jetracer.engine.tensorrt_base import BuildStopped, adapter_for
from jetracer.engine.tensorrt_native import Execution, execute_once

from . import fake_tensorrt as fakes
from .fake_cuda import FakeCuda
from .fake_tensorrt import NODES_STEPS, VERSIONS, fake_tensorrt
from .tiny_models import HEIGHT, WIDTH, changing_model, road_model

ADAPTERS = dict(zip(VERSIONS, (TensorRT82, TensorRT85, TensorRT10, TensorRT10, TensorRT11)))


def settings_for(version: str, **entries) -> Settings:
    number = tuple(map(int, version.split(".")[:2]))
    by_version = {"strongly_typed": number >= (11, 0), "float_input": number < (8, 5)}
    return Settings(**{"precision": "fp16", **by_version, **entries})


def model_for(version: str, path) -> bytes:
    data = road_model(path / "road.onnx").read_bytes()
    return with_float_input(data) if settings_for(version).float_input else data


def built(version: str, path, cuda=None, **entries):
    adapter = adapter_for(fake_tensorrt(version, cuda, dla_cores=2))
    settings = settings_for(version, **entries)
    network = adapter.parse(model_for(version, path), settings)
    return adapter, network, adapter.optimise(network, settings)


@pytest.mark.parametrize("version", VERSIONS)
def test_parse_optimise_execute(version, tmp_path):
    cuda = FakeCuda()
    adapter, network, made = built(version, tmp_path, cuda)
    ran = execute_once(adapter, cuda, made.plan)
    assert type(adapter) is ADAPTERS[version]
    assert [report.step for report in (network.report, made.report, ran)] == ["parse", "optimise", "execute"]
    assert network.report.detail == "4 layers, 1 in, 2 out"
    assert "fp16, workspace 256 MB" in str(made.report)


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_equal_onnx_runtimes(version, tmp_path):
    cuda = FakeCuda()
    adapter, _, made = built(version, tmp_path, cuda)
    random = np.random.default_rng(0)
    with OnnxEngine(tmp_path / "road.onnx") as wanted, Execution(adapter, cuda, made.plan) as execution:
        for _ in range(3):
            image = random.integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)
            np.copyto(execution.host["image"], image)
            answers = execution.run()
            for name, answer in wanted.infer({"image": image}).items():
                np.testing.assert_array_equal(answers[name], answer)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision, flags", [("fp32", []), ("fp16", ["FP16"]), ("int8", ["FP16", "INT8"])])
def test_precision(version, precision, flags, tmp_path):
    _, _, made = built(version, tmp_path, precision=precision)
    head = fake_head(made.plan)
    assert head["flags"] == ([] if version.startswith("11") else flags)
    assert head["workspace"] == 256 << 20


def test_types_of_the_model_on_10(tmp_path):
    head = fake_head(built("10.3.0.26", tmp_path, strongly_typed=True)[2].plan)
    assert head["strong"] and head["flags"] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_dla_falls_back_to_the_gpu(version, tmp_path):
    head = fake_head(built(version, tmp_path, dla_core=1)[2].plan)
    assert head["dla"] == 1 and "GPU_FALLBACK" in head["flags"]
    with pytest.raises(ModelError, match=r"cannot build the model .*DLA core is not available"):
        built(version, tmp_path, dla_core=2)


def fake_head(plan: bytes) -> dict:
    length = int.from_bytes(plan[28:32], "little")
    return fakes.json.loads(plan[32:32 + length])


@pytest.mark.parametrize("version, wrong", [
    ("8.2.1.9", TensorRT85), ("8.2.1.9", TensorRT10), ("8.2.1.9", TensorRT11), ("8.5.2.2", TensorRT10),
    ("8.5.2.2", TensorRT11), ("10.3.0.26", TensorRT82), ("11.4.0.106", TensorRT82), ("11.4.0.106", TensorRT85),
    ("11.4.0.106", TensorRT10),
])
def test_no_version_takes_an_adapter_of_another_by_accident(version, wrong, tmp_path):
    adapter = wrong(fake_tensorrt(version))
    settings = settings_for(version, strongly_typed=False)
    with pytest.raises((AttributeError, ModelError)):
        adapter.optimise(adapter.parse(model_for(version, tmp_path), settings), settings)


def test_too_old():
    with pytest.raises(ModelError, match=r"TensorRT 7.1.3 is too old: 8.0 \(JetPack 4.6\)"):
        adapter_for(fakes.SimpleNamespace(__version__="7.1.3"))


@pytest.mark.parametrize("version", ["9.0.1", "8.6.1", "8.4.1", "12.0.0"])
def test_versions_between_and_after(version):
    kinds = {"9.0.1": TensorRT85, "8.6.1": TensorRT85, "8.4.1": TensorRT82, "12.0.0": TensorRT11}
    assert type(adapter_for(fake_tensorrt(version))) is kinds[version]


def test_bytes_are_refused_before_8_5_and_the_type_is_named(tmp_path):
    adapter = adapter_for(fake_tensorrt("8.2.1.9"))
    with pytest.raises(ModelError, match=r"cannot read the model \(node -1: Unsupported ONNX data type: UINT8"):
        adapter.parse(road_model(tmp_path / "road.onnx").read_bytes(), settings_for("8.2.1.9"))


def test_what_cannot_be_parsed_names_the_node(tmp_path):
    import onnx

    adapter = adapter_for(fake_tensorrt("8.5.2.2"))
    model = onnx.load(str(changing_model(tmp_path / "changing.onnx")))
    model.graph.node[1].op_type = "Hardmax"
    with pytest.raises(ModelError, match="node 1: No importer registered for op: Hardmax"):
        adapter.parse(model.SerializeToString(), settings_for("8.5.2.2"))
    with pytest.raises(ModelError, match="node -1: Failed to parse"):
        adapter.parse(b"\xff" * 40, settings_for("8.5.2.2"))


@pytest.mark.parametrize("version, where", [("8.5.2.2", "node 0:"), ("11.4.0.106", r"node 0 the_one \(Unheard\):")])
def test_the_newer_parsers_give_the_nodes_name(version, where, tmp_path):
    import onnx

    model = onnx.load(str(road_model(tmp_path / "road.onnx")))
    model.graph.node[0].op_type, model.graph.node[0].name = "Unheard", "the_one"
    with pytest.raises(ModelError, match=where):
        adapter_for(fake_tensorrt(version)).parse(model.SerializeToString(), settings_for(version))


def test_outputs_of_changing_size_are_refused(tmp_path):
    cuda, settings = FakeCuda(), settings_for("10.3.0.26")
    adapter = adapter_for(fake_tensorrt("10.3.0.26", cuda))
    network = adapter.parse(changing_model(tmp_path / "changing.onnx").read_bytes(), settings)
    with pytest.raises(ModelError, match=r"aim has no fixed size \[4, -1\]: export the model with a batch of 1"):
        execute_once(adapter, cuda, adapter.optimise(network, settings).plan)


def test_not_a_number_is_no_answer(tmp_path):
    cuda = FakeCuda()
    adapter = adapter_for(fake_tensorrt("10.3.0.26", cuda))
    settings = settings_for("10.3.0.26")
    network = adapter.parse(road_model(tmp_path / "bad.onnx", bad=np.nan).read_bytes(), settings)
    with pytest.raises(ModelError, match="answers aim with what is not a number"):
        execute_once(adapter, cuda, adapter.optimise(network, settings).plan)


def test_a_plan_of_another_version_or_none(tmp_path):
    plan = built("8.5.2.2", tmp_path)[2].plan
    other = adapter_for(fake_tensorrt("8.6.1.6"))
    with pytest.raises(ModelError, match=r"TensorRT 8.6.1.6 does not load the engine .*kVERSION"):
        other.load(plan)
    with pytest.raises(ModelError, match="kMAGIC_TAG"):
        other.load(b"not a plan")


@pytest.mark.parametrize("version", VERSIONS)
def test_timings_are_kept_and_those_of_another_version_left(version, tmp_path):
    adapter, network, made = built(version, tmp_path)
    again = adapter.optimise(network, settings_for(version), made.timing_cache)
    assert again.timing_cache == made.timing_cache
    foreign = adapter_for(fake_tensorrt("8.6.1.6")).trt
    other = fakes.TimingCache(foreign.__version__, {99}).serialize()
    assert adapter.optimise(network, settings_for(version), bytes(other)).timing_cache == made.timing_cache


@pytest.mark.parametrize("version", VERSIONS)
def test_progress_where_there_is_any(version, tmp_path):
    adapter, network, _ = built(version, tmp_path)
    told = []
    adapter.optimise(network, settings_for(version), watch=lambda *now: told.append(now) or True)
    assert adapter.tells_progress == version.startswith("1")
    if adapter.tells_progress:
        steps = [("Building Engine", step, NODES_STEPS) for step in range(1, NODES_STEPS + 1)]
        assert told == [("Timing", 1, 2), *steps]


@pytest.mark.parametrize("version", ["10.3.0.26", "11.4.0.106"])
def test_a_build_can_be_ended_and_keeps_its_timings(version, tmp_path):
    adapter, network, made = built(version, tmp_path)
    with pytest.raises(BuildStopped, match="the same command goes on") as caught:
        adapter.optimise(network, settings_for(version), watch=lambda phase, done, total: done < 2)
    assert caught.value.timing_cache == made.timing_cache


def test_float_input_changes_one_byte_and_no_answer(tmp_path):
    data = road_model(tmp_path / "road.onnx").read_bytes()
    changed = with_float_input(data)
    assert sum(a != b for a, b in zip(data, changed)) == 1 and len(data) == len(changed)
    with pytest.raises(ModelError, match="does not take bytes"):
        with_float_input(changed)
    for cut in (10, len(data) // 2):
        with pytest.raises(ModelCorrupt, match="cut off or damaged"):
            with_float_input(data[:cut])


def test_the_shipped_model_answers_the_same_with_float_input():
    data = (SHIPPED / "road.onnx").read_bytes()
    wanted, changed = (onnxruntime.InferenceSession(model) for model in (data, with_float_input(data)))
    for image in np.random.default_rng(0).integers(0, 256, (8, 1, 224, 224, 3), np.uint8):
        answers = changed.run(None, {"image": image.astype(np.float32)})
        for ours, theirs in zip(answers, wanted.run(None, {"image": image})):
            np.testing.assert_array_equal(ours, theirs)


def test_the_stand_in_for_cuda_has_cudas_surface():
    def surface(kind):
        return {name for name in dir(kind) if not name.startswith("_")}

    assert surface(Cuda) <= surface(FakeCuda())


def test_no_gpu_here_is_said():
    try:
        Cuda().open()
    except ModelError as error:
        assert "no NVIDIA driver" in str(error) or "GPU refused cuInit" in str(error)


def test_the_newest_stand_in_is_no_more_than_the_real_surface():
    """TensorRT for RTX has 11's API, and can be imported without a GPU."""
    try:
        real = importlib.import_module("tensorrt_rtx")
    except ImportError:
        pytest.skip("needs TensorRT for RTX: pip install -e '.[tensorrt]'")
    fake = fake_tensorrt("11.4.0.106")
    enums = ("NetworkDefinitionCreationFlag", "BuilderFlag", "DataType", "DeviceType", "MemoryPoolType", "TensorIOMode")
    for name in enums:
        assert set(getattr(fake, name).__members__) <= set(getattr(real, name).__members__), name
    for name, kind in {"Builder": fakes.Builder, "IBuilderConfig": fakes.Config10, "ICudaEngine": fakes.Engine10,
                       "IExecutionContext": fakes.Context10, "INetworkDefinition": fakes.Network,
                       "OnnxParser": fakes.Parser, "Runtime": fakes.Runtime, "ITimingCache": fakes.TimingCache}.items():
        mine = {n for n in (*dir(kind), *kind.settable) if not n.startswith("_") and n != "settable"}
        assert mine <= set(dir(getattr(real, name))), name
    for gone in ("max_workspace_size", "int8_calibrator"):
        assert not hasattr(real.IBuilderConfig, gone)
    for gone in ("num_bindings", "get_binding_name"):
        assert not hasattr(real.ICudaEngine, gone)
    assert not hasattr(real.IExecutionContext, "execute_async_v2")
