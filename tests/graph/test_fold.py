"""What is the same for every picture is computed once, and the answers stay."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[optimize]'")

from onnx import TensorProto, helper

from jetracer.engine.onnx_run import session
from jetracer.graph.fold import simplify


def padded():
    """Pads by what is worked out from its input's size, as PyTorch writes it; and something that nothing reads."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Constant", [], ["at"], value=helper.make_tensor("", TensorProto.INT64, [1], [3])),
        helper.make_node("Gather", ["shape", "at"], ["width"], axis=0),
        helper.make_node("Constant", [], ["none"], value=helper.make_tensor("", TensorProto.INT64, [7], [0] * 7)),
        helper.make_node("Concat", ["none", "width"], ["pads"], axis=0),
        helper.make_node("Neg", ["x"], ["unread"]),
        helper.make_node("Pad", ["x", "pads"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 2, 6])
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=[helper.make_opsetid("", 13)],
                             ir_version=8)


def test_only_what_the_picture_changes_is_left():
    model, x = padded(), np.random.default_rng(0).normal(size=(1, 1, 2, 3)).astype(np.float32)
    before = session(model.SerializeToString()).run(None, {"x": x})[0]
    simplify(model)
    assert [node.op_type for node in model.graph.node] == ["Pad"]
    assert {entry.name for entry in model.graph.initializer} == {"pads"}
    np.testing.assert_array_equal(session(model.SerializeToString()).run(None, {"x": x})[0], before)


def test_what_is_open_stays():
    model = padded()
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "width"
    simplify(model)
    assert [node.op_type for node in model.graph.node] == ["Shape", "Gather", "Concat", "Pad"]
