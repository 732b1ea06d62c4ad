"""Each known-bad graph gets its diagnosis, exactly; what is mended answers as before; none passes in silence."""
from __future__ import annotations

import numpy as np
import onnx
import pytest

from jetracer.graph.diagnose import diagnose
from jetracer.graph.fixes import FIXES
from jetracer.graph.mend import mend
from jetracer.graph.operators import SINCE, VERSIONS
from jetracer.graph.prove import agree, difference
from jetracer.graph.rules import RULES
from jetracer.graph.view import view

from .known_bad import ALL, KNOWN_BAD, PICTURE, f32, model, node, picture_to


@pytest.mark.parametrize("name", KNOWN_BAD)
def test_the_diagnosis_is_exact(name):
    bad = KNOWN_BAD[name]
    found = {(one.rule, one.node, one.refused) for one in diagnose(view(bad.make()))}
    assert (bad.rule, bad.node, bad.refused) in found


@pytest.mark.parametrize("name", [name for name, bad in KNOWN_BAD.items() if bad.refused])
def test_versions_that_take_it_are_not_blamed(name):
    bad = KNOWN_BAD[name]
    for version, text in zip(VERSIONS, ALL):
        named = {(one.rule, one.node) for one in diagnose(view(bad.make()), [version])}
        assert ((bad.rule, bad.node) in named) == (text in bad.refused)


@pytest.mark.parametrize("name", KNOWN_BAD)
def test_mended_or_said_to_be_left(name):
    bad = KNOWN_BAD[name]
    before = bad.make()
    mended = mend(before)
    left = {(one.rule, one.node) for one in mended.left}
    assert ((bad.rule, bad.node) not in left) == bad.mended
    assert before == bad.make(), "the model given was changed"
    if mended.done:
        if valid(before):
            onnx.checker.check_model(mended.model)
        same, worst = agree(before, mended.model)
        assert same, worst


def valid(graph) -> bool:
    try:
        onnx.checker.check_model(graph)
    except onnx.checker.ValidationError:
        return False
    return True


def test_a_wrong_mend_is_found():
    """The proof is one: a model that differs in one weight is told apart."""
    before = KNOWN_BAD["quantised-bias"].make()
    after = mend(before).model
    tensor = next(tensor for tensor in after.graph.initializer if tensor.name == "b")
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + f32(0.01), "b"))
    assert not agree(before, after)[0]
    nowhere = picture_to("Mul", more="n", n=f32(np.nan).reshape(()))
    assert difference(picture_to("Relu"), nowhere) == np.inf


def test_a_good_graph_has_none():
    conv = model([node("Conv", "image w b", "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), node("Relu", "c", "out")],
                 {"image": PICTURE}, {"out": [1, 4, 8, 8]}, w=np.zeros((4, 3, 3, 3), np.float32),
                 b=np.zeros(4, np.float32))
    assert diagnose(view(conv)) == []


def test_every_rule_is_found_somewhere_and_every_fix_is_used():
    """A rule that no graph shows is one that may never have worked."""
    shown = {one.rule for bad in KNOWN_BAD.values() for one in diagnose(view(bad.make()))}
    shown |= {one.rule for make in MORE.values() for one in diagnose(view(make()))}
    assert {rule.name for rule in RULES} <= shown
    assert set(FIXES) - {"inline"} <= {fix for bad in KNOWN_BAD.values() for fix in mend(bad.make()).done}


def test_operators_are_onnx_s_own():
    gone = {"ImageScaler", "ParametricSoftplus", "ScaledTanh"}  # of before ONNX 1.0, which the lists still name
    assert all(onnx.defs.has(name, domain="") for name in set(SINCE) - gone)


def _more(op: str, out=PICTURE, opset: int = 13, **how):
    return lambda: picture_to(op, out, opset, **how)


def _read(op: str, place: int, kind=onnx.TensorProto.INT64, shape=(1,), opset: int = 13, **how):
    """A node whose input at `place` is an input of the graph."""
    def make():
        given = ["image"] + ["-"] * (place - 1) + ["more"]
        constants = {key: how[key] for key in how if isinstance(how[key], np.ndarray)}
        for index, name in enumerate(constants):
            given[index + 1] = name
        rest = {key: value for key, value in how.items() if key not in constants}
        return model([node(op, " ".join(given), "out", **rest)], {"image": PICTURE, "more": (kind, list(shape))},
                     {"out": None}, opset, **constants)
    return make


MORE = {
    "resize": _more("Resize", [1, 3, 16, 16], more="- scales", scales=f32(1, 1, 2, 2),
                    coordinate_transformation_mode="tf_crop_and_resize"),
    "axes": _read("Squeeze", 1),
    "reduce": _read("ReduceSum", 1),
    "cumsum": _read("CumSum", 1),
    "slice": _read("Slice", 3, starts=np.array([0]), ends=np.array([1])),
    "pad-axes": _read("Pad", 3, opset=18, pads=np.array([0, 1])),
    "pad-wrap": _more("Pad", [1, 3, 8, 10], 19, more="pads", pads=np.array([0, 0, 0, 1, 0, 0, 0, 1]), mode="wrap"),
    "topk-limit": lambda: model([node("TopK", "image k", "out where")], {"image": [1, 5000]}, {"out": [1, 4000]},
                                k=np.array([4000])),
    "norm": _read("InstanceNormalization", 1, onnx.TensorProto.FLOAT, (3,)),
    "dilation": _more("MaxPool", [1, 3, 6, 6], kernel_shape=[2, 2], dilations=[2, 2]),
    "grid": lambda: model([node("GridSample", "image grid", "out")],
                          {"image": [1, 3, 4, 4, 4], "grid": [1, 2, 2, 2, 3]},
                          {"out": [1, 3, 2, 2, 2]}, opset=20),
    "scatter": lambda: model([node("ScatterND", "image at new", "out", reduction="add")],
                             {"image": PICTURE, "new": [1, 3, 8, 8]}, {"out": PICTURE}, opset=16, at=np.array([[0]])),
    "if-shapes": lambda: _if([1, 3, 8, 8], [1, 3, 4, 8]),
    "if-names": lambda: _if(PICTURE, PICTURE, "same"),
    "training": _more("Dropout", more="- on", on=np.array(True)),
    "lstm": lambda: model([node("LSTM", "x w r", "out", hidden_size=2, input_forget=1)], {"x": [4, 1, 3]},
                          {"out": [4, 1, 1, 2]}, w=np.zeros((1, 8, 3), np.float32), r=np.zeros((1, 8, 2), np.float32)),
    "whole": lambda: model([node("ArgMax", "n", "out")], {"n": (onnx.TensorProto.INT32, [4, 4])},
                           {"out": (onnx.TensorProto.INT64, [1, 4])}),
    "power": lambda: model([node("Pow", "n two", "out")], {"n": (onnx.TensorProto.INT32, [4, 4])},
                           {"out": (onnx.TensorProto.INT32, [4, 4])}, two=np.array(2, np.int32)),
}


def _if(then_shape, else_shape, name: str = ""):
    def body(kind: str, shape, start: int):
        out = name or f"{kind}_out"
        nodes = [node("Slice", f"image {kind}_a {kind}_b {kind}_x", out, f"{kind}_Slice")]
        constants = [onnx.numpy_helper.from_array(np.array([value]), f"{kind}_{key}")
                     for key, value in (("a", start), ("b", 8), ("x", 2))]
        return onnx.helper.make_graph(nodes, kind, [], [onnx.helper.make_tensor_value_info(out, 1, shape)], constants)

    start = 8 - else_shape[2]
    nodes = [node("ReduceMax", "image", "top", keepdims=0), node("Greater", "top half", "more"),
             node("If", "more", "out", then_branch=body("then", then_shape, 0),
                  else_branch=body("else", else_shape, start))]
    return model(nodes, {"image": PICTURE}, {"out": None}, half=np.array(0.5, np.float32))
