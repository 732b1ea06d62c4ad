"""An operator that was made wrong is found, whichever it is, in ceil(log2(n)) + 1 runs."""
from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jetracer.cli.main import main
from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.drive import probes
from jetracer.drive import prove as gate
from jetracer.engine.build import explain_build
from jetracer.engine.devices import device
from jetracer.engine.explain import explain
from jetracer.engine.load import sha256_of
from jetracer.engine.onnx_graph import Graph
from jetracer.engine.onnx_run import run_onnx

from .fake_cuda import FakeCuda
from .fake_tensorrt import VERSIONS, fake_tensorrt
from .tiny_models import CARD, HEIGHT, WIDTH, road_model
from .tiny_probes import tiny_probes

PROBES = tiny_probes()
BLOCKS = 6
MAKES = [name for block in range(BLOCKS) for name in (f"main{block}", f"side{block}")] + ["aim", "confidence"]


def net(wrong="", factor=0.5, scale_of="", scale_factor=1.0):
    """Residual blocks with a branch each: MatMul, Relu, a side MatMul, Add. `wrong`: its weights times `factor`.

    `scale_of`: that tensor through Q/DQ, its scale off by `scale_factor`.
    """
    random = np.random.default_rng(5)
    nodes = [helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
             helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
             helper.make_node("Div", ["mean", "most"], ["start"])]
    weights = {"most": np.float32(255)}

    def matmul(source, name, columns):
        rows = 3 if source == "start" else 8
        values = random.normal(0, 1.2 / math.sqrt(rows), (rows, columns))
        weights[f"{name}.w"] = values * factor if name == wrong else values
        nodes.append(helper.make_node("MatMul", [source, f"{name}.w"], [name], name=f"node {name}"))

    last = "start"
    for block in range(BLOCKS):
        matmul(last, f"main{block}", 8)
        nodes.append(helper.make_node("Relu", [f"main{block}"], [f"relu{block}"], name=f"node relu{block}"))
        matmul(last, f"side{block}", 8)
        last = f"sum{block}"
        nodes.append(helper.make_node("Add", [f"relu{block}", f"side{block}"], [last], name=f"node {last}"))
    matmul(last, "aim", 2)
    matmul(last, "confidence", 1)
    if scale_of:
        _quantise(nodes, weights, scale_of, scale_factor)
    info = helper.make_tensor_value_info
    ports = ([info("image", TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])],
             [info("aim", TensorProto.FLOAT, [1, 2]), info("confidence", TensorProto.FLOAT, [1, 1])])
    constants = [numpy_helper.from_array(np.asarray(value, value.dtype if value.dtype == np.int8 else np.float32), name)
                 for name, value in weights.items()]
    model = helper.make_model(helper.make_graph(nodes, "net", *ports, constants),
                              opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    return model.SerializeToString()


def _quantise(nodes, weights, tensor, factor):
    weights.update(scale=np.float32(4.0 / 127 * factor), zero=np.int8(0))
    for node in nodes:
        node.input[:] = ["dequantised" if name == tensor else name for name in node.input]
    at = next(number for number, node in enumerate(nodes) if tensor in node.output) + 1
    nodes[at:at] = [helper.make_node("QuantizeLinear", [tensor, "scale", "zero"], ["quantised"]),
                    helper.make_node("DequantizeLinear", ["quantised", "scale", "zero"], ["dequantised"])]


def explained(candidate):
    runs = []

    @contextmanager
    def counted(model):
        runs.append(1)
        with run_onnx(model) as infer:
            yield infer
    found = explain(net(), CARD, candidate, CARD, counted, PROBES)
    assert found.runs == len(runs) <= math.ceil(math.log2(found.places)) + 1
    return found


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("factor", [0.5, -3.0, float("nan")])
def test_the_wrong_operator_is_named(name, factor):
    found = explained(net(name, factor))
    assert found.node.name == f"node {name}" and found.node.op == "MatMul"
    assert found.before.spread < 1e-5 < found.after.spread and not found.gradual
    assert found.after == found.total or found.after.spread == pytest.approx(found.total.spread, rel=1e-3)
    assert f"MatMul 'node {name}', operator " in str(found)
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("factor", [0.05, 30.0])
@pytest.mark.parametrize("tensor", ["start", "relu0", "sum2", "main4"])
def test_a_wrong_scale_is_laid_to_the_operator_whose_answer_it_is_of(tensor, factor):
    found = explained(net(scale_of=tensor, scale_factor=factor))
    assert found.node.outputs == (tensor,)


def test_an_error_that_grows_is_no_one_operators():
    candidate = onnx.load_from_string(net())
    for weights in candidate.graph.initializer:
        if weights.name.endswith(".w"):
            values = numpy_helper.to_array(weights)
            weights.CopyFrom(numpy_helper.from_array(values * np.float32(0.99), weights.name))
    found = explained(candidate.SerializeToString())
    assert found.gradual and "no single one makes it" in str(found)


def test_a_network_that_is_right_or_names_nothing_alike():
    with pytest.raises(ModelError, match="there is nothing to explain"):
        explained(net())
    other = onnx.load_from_string(net())
    for node in other.graph.node:
        node.output[:] = [name if name in CARD.outputs else f"other {name}" for name in node.output]
        node.input[:] = [f"other {name}" if name != "image" and not name.endswith((".w", "most")) else name
                         for name in node.input]
    with pytest.raises(ModelError, match="names none of its tensors as its parent does"):
        explained(other.SerializeToString())


def test_the_graph_is_read_as_onnx_reads_it():
    model = onnx.load_from_string(net(scale_of="relu1"))
    graph = Graph(net(scale_of="relu1"))
    assert [(n.name, n.op, n.inputs, n.outputs) for n in graph.nodes] == [
        (n.name, n.op_type, tuple(n.input), tuple(n.output)) for n in model.graph.node]
    assert graph.inputs == ["image"] and graph.outputs == ["aim", "confidence"]
    assert graph.needed(["main0"]) == {"main0", "start", "main0.w", "mean", "most", "float", "image"}
    assert "scale" not in graph.moving("image") and {"aim", "sum5"} <= graph.moving("image")
    with pytest.raises(ModelCorrupt, match="cut off"):
        Graph(net()[:-3])


@pytest.fixture
def family(tmp_path):
    parent = road_model(tmp_path / "road.onnx")
    child = replace(CARD, precision="int8", parents=(sha256_of(parent),))
    return parent, road_model(tmp_path / "road.int8.onnx", child, bad=0.1)


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_an_engine_is_built_for_each_place_that_is_asked(version, family):
    cuda = FakeCuda()
    kind = replace(device("orin-agx"), newest=(11, 4))
    found = explain_build(family[1], kind, fake_tensorrt(version, cuda), cuda, PROBES)
    assert found.node.op == "Gemm" and found.node.outputs == ("aim",)
    assert found.after.aim_px == pytest.approx(15.84, abs=0.01) and found.before.aim_px < 1e-3


def test_the_original_nano_is_given_floats(family):
    parent, _ = family
    card = replace(CARD, precision="fp16", parents=(sha256_of(parent),))
    child = road_model(parent.with_name("half.onnx"), card, 0.1)
    cuda = FakeCuda("NVIDIA Tegra X1", "5.3")
    found = explain_build(child, device("nano"), fake_tensorrt(VERSIONS[0], cuda), cuda, PROBES)
    assert found.node.outputs == ("aim",)


def test_the_command(family, capsys, monkeypatch):
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: device("cpu"))
    monkeypatch.setattr(gate, "road_probes", lambda: PROBES)
    assert main(["build", str(family[1]), "--explain"]) == 0
    assert "The points are lost at Gemm that makes 'aim', operator 3 of 4" in capsys.readouterr().out
    assert main(["build", str(family[1]), "--explain", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["op"] == "Gemm"
    assert main(["build", str(family[0]), "--explain"]) == 1
    assert "nothing to explain" in capsys.readouterr().err


def test_the_command_on_a_board(family, capsys, monkeypatch):
    cuda = FakeCuda()
    monkeypatch.setattr("jetracer.cli.build.device_here", lambda: device("orin-nano"))
    monkeypatch.setattr("jetracer.cli.build.import_tensorrt", lambda: fake_tensorrt("10.3.0.26", cuda))
    monkeypatch.setattr("jetracer.cli.build.Cuda", lambda: cuda)
    monkeypatch.setattr(probes, "road_probes", tiny_probes)
    assert main(["build", str(family[1]), "--explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["op"] == "Gemm" and told["runs"] == 3 and not told["gradual"]
