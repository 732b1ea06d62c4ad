"""Graphs cast to FP16."""
from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[optimize]'")
from onnx import TensorProto, numpy_helper  # noqa: E402

from jetracer.graph.view import view  # noqa: E402
from jetracer.optimize.half import FLOAT, HALF, emulated, half_slots, to_half  # noqa: E402
from jetracer.optimize.run import answers  # noqa: E402

from .graphs import CARD, convolutions, graph, pictures  # noqa: E402


def weights_of(model):
    return {value.name: value for value in model.graph.initializer}


def test_everything_is_cast_but_what_goes_in_and_out():
    model = convolutions()
    before = model.SerializeToString()
    made = to_half(model)
    assert model.SerializeToString() == before, "the model itself is left alone"
    assert made.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert made.graph.output[0].type.tensor_type.elem_type == FLOAT
    assert {value.data_type for value in made.graph.initializer} == {HALF}
    assert set(weights_of(made)) == set(weights_of(model)), "weights keep their names"
    assert [node.op_type for node in made.graph.node if node.op_type == "Cast"] == ["Cast", "Cast"], "in and out only"
    assert [(entry.domain, entry.version) for entry in made.opset_import] == [("", 13)]


def test_opsets_that_nothing_uses_are_dropped():
    model = convolutions()
    model.opset_import.append(onnx.helper.make_opsetid("ai.onnx.ml", 5))
    assert [entry.domain for entry in to_half(model).opset_import] == [""]


def test_kept_nodes_are_calculated_with_their_exact_weights():
    made = to_half(convolutions(), {"two"})
    types, weights = view(made).types, weights_of(made)
    assert types["two"] == FLOAT and types["a1"] == HALF and types["a2"] == HALF
    assert weights["w2"].data_type == FLOAT and weights["w1"].data_type == HALF
    two = next(node for node in made.graph.node if node.output[0] == "two")
    assert list(two.input) == ["a1.float", "w2", "b2"]


def test_a_weight_that_both_use_is_there_twice():
    body = "a = Mul (nchw, w)  b = Mul (a, w)  m = ReduceMean <axes = [2, 3], keepdims = 0> (b)  aim = Gemm (m, g)"
    made = to_half(graph(body, {"w": np.float32(0.01), "g": np.ones((3, 2), np.float32)}), {"b"})
    weights = weights_of(made)
    assert weights["w"].data_type == FLOAT and weights["w.half"].data_type == HALF


def test_inputs_that_onnx_wants_in_float32_stay():
    body = ("big = Resize (nchw, none, by)  m = ReduceMean <axes = [2, 3], keepdims = 0> (big)  aim = Gemm (m, g)")
    weights = {"none": np.zeros(0, np.float32), "by": np.array([1, 1, 2, 2], np.float32),
               "g": np.ones((3, 2), np.float32)}
    made = weights_of(to_half(graph(body, weights)))
    assert made["by"].data_type == FLOAT and made["g"].data_type == HALF


def test_constants_and_shapes_between():
    body = ("one = Constant <value_float = 0.5> ()  a = Mul (nchw, one)  s = Shape (a)  z = ConstantOfShape (s) "
            "b = Add (a, z)  m = ReduceMean <axes = [2, 3], keepdims = 0> (b)  aim = Gemm (m, g)")
    model = graph(body, {"g": np.full((3, 2), 0.005, np.float32)})
    made, shots = to_half(model), pictures()
    assert np.abs(answers(made, CARD, shots)["aim"] - answers(model, CARD, shots)["aim"]).max() < 0.01


def test_what_is_not_onnx_stays():
    node = onnx.helper.make_node("Unheard", ["x"], ["y"], domain="mine")
    assert half_slots(node, 13) == (set(), set())
    assert half_slots(onnx.helper.make_node("NonMaxSuppression", ["b", "s"], ["y"]), 13) == (set(), set())
    assert half_slots(onnx.helper.make_node("RandomNormal", [], ["y"], dtype=1, shape=[1]), 13)[1] == set()
    assert half_slots(onnx.helper.make_node("Concat", ["a", "b", "c"], ["y"], axis=0), 13) == ({0, 1, 2}, {0})


def test_emulation_rounds_and_overflows_where_onnx_runtime_on_a_cpu_does_not():
    body = "a = Mul (nchw, up)  b = Mul (a, down)  m = ReduceMean <axes = [2, 3], keepdims = 0> (b)  aim = Gemm (m, g)"
    weights = {"up": np.float32(1000), "down": np.float32(1e-5), "g": np.full((3, 2), 0.1, np.float32)}
    made = to_half(graph(body, weights))
    assert not np.isfinite(answers(emulated(made), CARD, pictures())["aim"]).any()
    with np.errstate(over="ignore"):
        by_hand = (pictures()[0].astype(np.float16) * np.float16(1000))
    assert np.isinf(by_hand).any()


def test_emulation_is_numpys_float16_step_by_step():
    body = "a = Mul (nchw, up)  b = Add (a, more)  m = ReduceMax <axes = [2, 3], keepdims = 0> (b)  aim = Gemm (m, g)"
    weights = {"up": np.float32(0.013), "more": np.float32(0.3), "g": np.eye(3, 2, dtype=np.float32)}
    shots = pictures()
    got = answers(emulated(to_half(graph(body, weights))), CARD, shots)["aim"]
    a = shots.astype(np.float16) * np.float16(0.013)
    wanted = (a + np.float16(0.3)).max(axis=(1, 2))[:, :2]
    assert np.array_equal(got, wanted.astype(np.float32))


def test_numbers_are_rounded_to_the_nearest():
    made = weights_of(to_half(convolutions()))
    exact = weights_of(convolutions())
    for name, value in made.items():
        assert np.array_equal(numpy_helper.to_array(value), numpy_helper.to_array(exact[name]).astype(np.float16))
