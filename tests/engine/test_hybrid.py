"""A model in parts, on a stand-in of TensorRT 8.2: built, compared, driven, and refused where it must be."""
from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from jetracer.core.errors import EngineRefused, ModelCorrupt, ModelError, ModelNotFound
from jetracer.engine.build import build_engine
from jetracer.engine.card import write_card
from jetracer.engine.devices import device
from jetracer.engine.hybrid import HybridEngine, may_drive, read_plan, write_plan
from jetracer.engine.hybrid_build import build_hybrid
from jetracer.engine.load import load_engine
from jetracer.graph.extract import take_apart, write_parts
from jetracer.graph.view import load_model

from .fake_cuda import FakeCuda
from .fake_tensorrt import fake_tensorrt
from .tiny_models import CARD, HEIGHT, WIDTH
from .tiny_probes import tiny_probes

NANO = {"name": "NVIDIA Tegra X1", "capability": "5.3"}


def gridded_model(path, middle="GridSample"):
    """uint8 NHWC -> aim and confidence; in the middle a GridSample, which TensorRT 8.2 does not take.

    With "MaxPool" in its place, a dilated one, which none takes.
    """
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT)), -1)[None].astype(np.float32)
    weights = {"w": random.normal(0, 0.4, (4, 3, 1, 1)), "v": random.normal(0, 0.4, (4, 4, 1, 1)), "grid": grid,
               "aim_w": random.normal(0, 0.004, (4, 2)), "aim_b": np.zeros(2),
               "sure_w": random.normal(0, 0.004, (4, 1)),
               "sure_b": np.zeros(1)}
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "w"], ["seen"]),
        helper.make_node("GridSample", ["seen", "grid"], ["straight"], align_corners=1) if middle == "GridSample" else
        helper.make_node("MaxPool", ["seen"], ["straight"], kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["straight", "v"], ["more"]),
        helper.make_node("ReduceMean", ["more"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "aim_w", "aim_b"], ["aim"]),
        helper.make_node("Gemm", ["mean", "sure_w", "sure_b"], ["confidence"]),
    ]
    graph = helper.make_graph(
        nodes, "gridded", [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info("aim", TensorProto.FLOAT, [1, 2]),
         helper.make_tensor_value_info("confidence", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8), str(path))
    write_card(path, CARD)
    return path


class Parts:
    """A model divided for TensorRT 8.2 and built on a stand-in of it."""

    def __init__(self, folder, probes=tiny_probes):
        self.model, self.path = gridded_model(folder / "road.onnx"), folder / "road.hybrid"
        write_parts(take_apart(load_model(self.model), (8, 2)), self.model, self.path, (8, 2))
        self.cuda = FakeCuda(**NANO)
        self.trt = fake_tensorrt("8.2.1.9", self.cuda)
        self.result = build_hybrid(self.path, device("nano"), self.trt, self.cuda, probes=probes)

    def engine(self):
        return HybridEngine(self.path, trt=self.trt, cuda=self.cuda)


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path)


def images(count=3):
    return np.random.default_rng(1).integers(0, 256, (count, 1, HEIGHT, WIDTH, 3), np.uint8)


def test_the_whole_is_refused_and_its_parts_are_not(parts, tmp_path):
    with pytest.raises(ModelError, match=r"opset 16|GridSample"):
        build_engine(parts.model, device("nano"), parts.trt, parts.cuda, out=tmp_path / "whole.engine")
    assert [part.runs for part in parts.result.plan.parts] == ["onnx", "tensorrt", "onnx", "tensorrt"]
    assert [report.step for report in parts.result.reports] == [*["parse", "optimise", "execute"] * 2, "compare"]


def test_it_drives_and_answers_as_the_model(parts):
    assert parts.result.why_not == ""
    whole = onnxruntime.InferenceSession(str(parts.model))
    with parts.engine() as engine:
        for image in images():
            answers = engine.infer({"image": image})
            for name, wanted in zip(("aim", "confidence"), whole.run(None, {"image": image})):
                np.testing.assert_allclose(answers[name], wanted, atol=1e-6)
        with pytest.raises(ModelError, match="takes image: uint8"):
            engine.infer({"image": images(1)[0].astype(np.float32)})


def test_what_was_never_compared_does_not_drive(tmp_path):
    parts = Parts(tmp_path, probes=None)
    with pytest.raises(EngineRefused, match="never compared with its model; run: jetracer build"):
        parts.engine().open()
    assert "never compared" in parts.result.why_not


def test_what_does_not_agree_does_not_drive(tmp_path):
    """One weight of a part is wrong: the parts still fit together, and the comparison finds it."""
    model, path = gridded_model(tmp_path / "road.onnx"), tmp_path / "road.hybrid"
    divided = take_apart(load_model(model), (8, 2))
    plan, _ = write_parts(divided, model, path, (8, 2))
    wrong = divided.models[-1]
    bias = next(tensor for tensor in wrong.graph.initializer if tensor.name == "aim_b")
    bias.CopyFrom(numpy_helper.from_array(np.full(2, 0.2, np.float32), "aim_b"))
    data = wrong.SerializeToString()
    path.with_name(plan.parts[-1].model).write_bytes(data)
    last = replace(plan.parts[-1], sha256=hashlib.sha256(data).hexdigest())
    write_plan(path, replace(plan, parts=(*plan.parts[:-1], last)))
    cuda = FakeCuda(**NANO)
    result = build_hybrid(path, device("nano"), fake_tensorrt("8.2.1.9", cuda), cuda, probes=tiny_probes)
    assert result.why_not == "it does not agree with its model"


@pytest.mark.parametrize("name", ["road.1.onnx", "road.2.engine", "road.3.onnx", "road.4.engine", "road.hybrid"])
def test_a_file_of_it_that_changes_or_goes_is_found(name, parts, tmp_path):
    file = tmp_path / name
    good = file.read_bytes()
    file.write_bytes(good[:-20] + bytes([good[-20] ^ 1]) + good[-19:])
    with pytest.raises((EngineRefused, ModelCorrupt)):
        parts.engine().open()
    file.unlink()
    with pytest.raises(ModelNotFound):
        parts.engine().open()


def test_parts_of_two_builds_do_not_mix(parts, tmp_path):
    """The record is of these very engine files."""
    before = (tmp_path / "road.2.engine").read_bytes()
    build_hybrid(parts.path, device("nano"), parts.trt, parts.cuda, precision="fp32", probes=tiny_probes)
    (tmp_path / "road.2.engine").write_bytes(before)
    assert may_drive(parts.path, read_plan(parts.path)) == "the comparison in it is of other files"


def test_on_another_tensorrt_or_without_one(parts):
    cuda = FakeCuda(**NANO)
    with pytest.raises(EngineRefused, match=r"was built for TensorRT 8\.2\.1\.9, here is 8\.5\.2\.2"):
        HybridEngine(parts.path, trt=fake_tensorrt("8.5.2.2", cuda), cuda=cuda).open()
    with pytest.raises(ModelError):
        load_engine(parts.path)  # no TensorRT here


def test_a_changed_whole_is_not_compared_with(parts):
    write_card(parts.model, replace(CARD, name="another"))
    with pytest.raises(EngineRefused, match=r"is not the model that .* was divided from"):
        build_hybrid(parts.path, device("nano"), parts.trt, parts.cuda, probes=tiny_probes)


def test_a_plan_of_another_version(parts):
    content = {key: value for key, value in json.loads(parts.path.read_text()).items() if key != "sha256"}
    content["format"] = 99
    total = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    parts.path.write_text(json.dumps({**content, "sha256": total}))
    with pytest.raises(EngineRefused, match="another version of JetRacer; divide the model again"):
        read_plan(parts.path)
