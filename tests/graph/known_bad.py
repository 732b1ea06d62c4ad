"""Graphs that TensorRT refuses, each for one reason that people reported; made here, a few nodes each.

`KNOWN_BAD` maps a name to (what makes it, the rule that must name it, the node and the versions that must be named).
docs/engines.md lists who reported each.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT, BYTE, INT8, INT32, INT64, BOOL, DOUBLE = (
    TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL,
    TensorProto.DOUBLE)
ALL = ("8.2", "8.5", "10.3", "10.16", "11.4")
PICTURE = [1, 3, 8, 8]


class Bad(NamedTuple):
    make: Callable[[], Any]
    rule: str
    node: str
    refused: Tuple[str, ...]
    mended: bool = False  # by --fix, to a graph without this trouble


def model(nodes: Sequence[Any], inputs: Dict[str, Any], outputs: Dict[str, Any], opset: int = 13, ir: int = 8,
          domains: Sequence[Tuple[str, int]] = (), functions: Sequence[Any] = (), **constants: np.ndarray) -> Any:
    """Values by name: (type, shape), or a shape of floats."""
    def declared(name: str, what: Any) -> Any:
        kind, shape = what if isinstance(what, tuple) else (FLOAT, what)
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        list(nodes), "bad", [declared(*entry) for entry in inputs.items()],
        [declared(*entry) for entry in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    return helper.make_model(graph, ir_version=ir, functions=list(functions), opset_imports=[
        helper.make_opsetid("", opset), *(helper.make_opsetid(*entry) for entry in domains)])


def node(op: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> Any:
    """Inputs and outputs in one string each, apart by blanks; '-' is one that is left out."""
    return helper.make_node(op, ["" if word == "-" else word for word in inputs.split()], outputs.split(),
                            name or f"the_{op}", **attributes)


def picture_to(op: str, out: Optional[Sequence[int]] = None, opset: int = 13, more: str = "", **how: Any) -> Any:
    """A graph of one node that makes `out` of a picture."""
    constants = {key: how.pop(key) for key in list(how) if isinstance(how[key], np.ndarray)}
    return model([node(op, f"image {more}", "out", **how)], {"image": PICTURE}, {"out": list(out or PICTURE)}, opset,
                 **constants)


def i64(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def f32(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def resize_cubic() -> Any:
    return picture_to("Resize", [1, 3, 16, 16], more="- scales", scales=f32(1, 1, 2, 2), mode="cubic",
                      coordinate_transformation_mode="half_pixel")


def resize_antialias() -> Any:
    return picture_to("Resize", [1, 3, 4, 4], opset=18, more="- scales", scales=f32(1, 1, 0.5, 0.5), mode="linear",
                      antialias=1)


def resize_scales() -> Any:
    """As TensorFlow's exporter writes a size taken from another picture."""
    nodes = [node("Shape", "image", "shape"), node("Cast", "shape", "sides", to=FLOAT),
             node("Div", "wanted sides", "scales"),
             node("Resize", "image - scales", "out", mode="nearest", coordinate_transformation_mode="asymmetric",
                  nearest_mode="floor")]
    return model(nodes, {"image": PICTURE}, {"out": [1, 3, 16, 16]}, wanted=f32(1, 3, 16, 16))


def upsample() -> Any:
    """Of a file whose exporter wrote opset 9's operator under a newer opset."""
    return picture_to("Upsample", [1, 3, 16, 16], opset=11, more="scales", scales=f32(1, 1, 2, 2), mode="nearest")


def upsample_scales() -> Any:
    nodes = [node("Shape", "image", "shape"), node("Cast", "shape", "sides", to=FLOAT),
             node("Div", "wanted sides", "scales"), node("Upsample", "image scales", "out", mode="nearest")]
    return model(nodes, {"image": PICTURE}, {"out": [1, 3, 16, 16]}, opset=9, wanted=f32(1, 3, 16, 16))


def unsqueeze_axes() -> Any:
    nodes = [node("Shape", "image", "shape"), node("Size", "shape", "rank"), node("Sub", "rank four", "zero"),
             node("Reshape", "zero one", "axes"), node("Unsqueeze", "image axes", "out")]
    return model(nodes, {"image": PICTURE}, {"out": [1, *PICTURE]}, four=np.array(4, np.int64), one=i64(1))


def dynamic_batch() -> Any:
    return model([node("Relu", "image", "out")], {"image": ["batch", 3, 8, 8]}, {"out": ["batch", 3, 8, 8]})


def dynamic_size() -> Any:
    sides = [1, 3, "height", "width"]
    return model([node("Relu", "image", "out")], {"image": sides}, {"out": sides})


def grid_sample() -> Any:
    return model([node("GridSample", "image grid", "out", align_corners=0)],
                 {"image": PICTURE, "grid": [1, 4, 4, 2]}, {"out": [1, 3, 4, 4]}, opset=16)


def nms() -> Any:
    nodes = [node("NonMaxSuppression", "boxes scores most overlap least", "out")]
    return model(nodes, {"boxes": [1, 6, 4], "scores": [1, 2, 6]}, {"out": (INT64, ["found", 3])}, opset=11,
                 most=i64(5), overlap=f32(0.5), least=f32(0.1))


def bytes_in() -> Any:
    """A reshape of the camera's bytes is enough."""
    nodes = [node("Transpose", "image", "planes", perm=[0, 3, 1, 2]), node("Cast", "planes", "out", to=FLOAT)]
    return model(nodes, {"image": (BYTE, [1, 8, 8, 3])}, {"out": PICTURE})


def bytes_inside() -> Any:
    nodes = [node("Cast", "image", "whole", "to_bytes", to=BYTE),
             node("MaxPool", "whole", "top", kernel_shape=[2, 2], strides=[2, 2]),
             node("Cast", "top", "out", to=FLOAT)]
    return model(nodes, {"image": PICTURE}, {"out": [1, 3, 4, 4]})


def int64_range() -> Any:
    nodes = [node("Cast", "image", "whole", "to_int64", to=INT64), node("Add", "whole far", "sum"),
             node("Cast", "sum", "out", to=FLOAT)]
    return model(nodes, {"image": PICTURE}, {"out": PICTURE}, far=i64(1 << 40))


def layer_norm() -> Any:
    return picture_to("LayerNormalization", opset=17, more="scale bias", scale=np.ones(8, np.float32),
                      bias=np.zeros(8, np.float32), axis=-1)


def new_opset() -> Any:
    """Nothing new in it but the number."""
    return picture_to("Relu", opset=21)


def quantised_bias() -> Any:
    """As ONNX Runtime's quantiser writes a layer by default: its bias in INT32."""
    nodes = [node("DequantizeLinear", "weights w_scale w_zero", "w"),
             node("DequantizeLinear", "bias b_scale b_zero", "b", name="bias_DequantizeLinear"),
             node("Conv", "image w b", "out")]
    return model(nodes, {"image": PICTURE}, {"out": [1, 2, 8, 8]}, weights=np.full((2, 3, 1, 1), 3, np.int8),
                 w_scale=f32(0.1).reshape(()), w_zero=np.array(0, np.int8), bias=np.array([5, -7], np.int32),
                 b_scale=f32(0.01).reshape(()), b_zero=np.array(0, np.int32))


def _quantised(zero: Any) -> Any:
    nodes = [node("QuantizeLinear", "image scale zero", "q"), node("DequantizeLinear", "q scale zero", "out")]
    return model(nodes, {"image": PICTURE}, {"out": PICTURE}, scale=f32(0.05).reshape(()), zero=zero)


def zero_point() -> Any:
    return _quantised(np.array(114, np.uint8))


def zero_point_128() -> Any:
    return _quantised(np.array(128, np.uint8))


def unsigned() -> Any:
    return _quantised(np.array(0, np.uint8))


def double() -> Any:
    nodes = [node("Cast", "image", "wide", "wide", to=DOUBLE), node("Mul", "wide factor", "more"),
             node("Cast", "more", "out", to=FLOAT)]
    return model(nodes, {"image": PICTURE}, {"out": PICTURE}, factor=np.array(0.1, np.float64))


def _branches(then: Sequence[Any], then_out: Any, other: Sequence[Any], other_out: Any, **constants: np.ndarray) -> Any:
    def body(name: str, nodes: Sequence[Any], out: Any) -> Any:
        return helper.make_graph(list(nodes), name, [], [helper.make_tensor_value_info(out[0], FLOAT, out[1])])

    return node("If", "same", "out", then_branch=body("then", then, then_out),
                else_branch=body("else", other, other_out))


def squeezed() -> Any:
    """As PyTorch writes squeeze(1) of a size that it does not know."""
    nodes = [node("Shape", "image", "shape"), node("Gather", "shape one", "side", axis=0),
             node("Equal", "side once", "same"),
             _branches([node("Squeeze", "image axes", "less")], ("less", [1, 8, 8]),
                       [node("Identity", "image", "as_is")], ("as_is", [1, 1, 8, 8]))]
    return model(nodes, {"image": [1, 1, 8, 8]}, {"out": None}, one=np.array(1, np.int64), once=np.array(1, np.int64),
                 axes=i64(1))


def empty_branch() -> Any:
    """An `if` without an else: the branch only hands on what is outside."""
    nodes = [node("ReduceMax", "image", "top", keepdims=0), node("Greater", "top half", "same"),
             _branches([node("Relu", "image", "cut")], ("cut", PICTURE), [], ("image", PICTURE))]
    return model(nodes, {"image": PICTURE}, {"out": PICTURE}, half=np.array(0.5, np.float32))


def empty_loop() -> Any:
    body = helper.make_graph([], "body", [helper.make_tensor_value_info("turn", INT64, []),
                                          helper.make_tensor_value_info("more", BOOL, []),
                                          helper.make_tensor_value_info("now", FLOAT, PICTURE)],
                             [helper.make_tensor_value_info("more", BOOL, []),
                              helper.make_tensor_value_info("now", FLOAT, PICTURE)])
    return model([node("Loop", "times go image", "out", body=body)], {"image": PICTURE}, {"out": PICTURE},
                 times=np.array(3, np.int64), go=np.array(True))


def pool_indices() -> Any:
    nodes = [node("MaxPool", "image", "top places", kernel_shape=[2, 2], strides=[2, 2]),
             node("Cast", "places", "where", to=FLOAT), node("Add", "top where", "out")]
    return model(nodes, {"image": PICTURE}, {"out": [1, 3, 4, 4]})


def conv_weights() -> Any:
    """Weights that are made of a second input."""
    return model([node("Conv", "image weights", "out")], {"image": PICTURE, "weights": [2, 3, 1, 1]},
                 {"out": [1, 2, 8, 8]})


def einsum() -> Any:
    return model([node("Einsum", "image other", "out", equation="...ij,...jk->...ik")],
                 {"image": PICTURE, "other": PICTURE}, {"out": PICTURE})


def operator_form() -> Any:
    """ONNX Runtime's other quantised form."""
    nodes = [node("QuantizeLinear", "image s z", "q"), node("QLinearConv", "q s z w s z s z", "conv"),
             node("DequantizeLinear", "conv s z", "out")]
    return model(nodes, {"image": PICTURE}, {"out": [1, 2, 8, 8]}, s=f32(0.05).reshape(()), z=np.array(0, np.int8),
                 w=np.full((2, 3, 1, 1), 3, np.int8))


def unknown_domain() -> Any:
    nodes = [helper.make_node("DeformRoIPool", ["image"], ["out"], "the_one", domain="mmcv")]
    return model(nodes, {"image": PICTURE}, {"out": PICTURE}, domains=[("mmcv", 1)])


def places() -> Any:
    nodes = [node("NonZero", "image", "found"), node("Cast", "found", "out", to=FLOAT)]
    return model(nodes, {"image": PICTURE}, {"out": [4, "count"]})


def hard_swish() -> Any:
    return picture_to("HardSwish", opset=14)


def topk_count() -> Any:
    nodes = [node("Shape", "image", "shape"), node("ReduceMin", "shape", "least", keepdims=1, axes=[0]),
             node("TopK", "image least", "out where")]
    return model(nodes, {"image": PICTURE}, {"out": [1, 3, 8, 1]})


def mod_of_sizes() -> Any:
    """As PyTorch writes a view that splits a side: the check that it divides is left in the file."""
    nodes = [node("Shape", "image", "shape"), node("Mod", "shape two", "rest"), node("Add", "shape rest", "sides"),
             node("Reshape", "image sides", "out")]
    return model(nodes, {"image": [1, 4, 8, 8]}, {"out": None}, two=i64(1))


def unused_set() -> Any:
    return model([node("Relu", "image", "out")], {"image": PICTURE}, {"out": PICTURE}, domains=[("ai.onnx.ml", 5)])


KNOWN_BAD: Dict[str, Bad] = {
    "resize-cubic": Bad(resize_cubic, "resize-cubic", "the_Resize", ALL[:4]),
    "resize-scales": Bad(resize_scales, "resize-scales", "the_Resize", ALL[:2], mended=True),
    "upsample": Bad(upsample, "upsample-gone", "the_Upsample", (), mended=True),
    "upsample-scales": Bad(upsample_scales, "upsample-scales", "the_Upsample", ALL[:4], mended=True),
    "unsqueeze-axes": Bad(unsqueeze_axes, "axes", "the_Unsqueeze", ALL[:3], mended=True),
    "dynamic-batch": Bad(dynamic_batch, "dynamic-shape", "", ALL, mended=True),
    "dynamic-size": Bad(dynamic_size, "dynamic-shape", "", ALL),
    "grid-sample": Bad(grid_sample, "operator", "the_GridSample", ALL[:1]),
    "nms": Bad(nms, "nms-padded", "the_NonMaxSuppression", ALL[:1]),
    "bytes-in": Bad(bytes_in, "bytes-in", "", ALL[:1], mended=True),
    "bytes-transposed": Bad(bytes_in, "bytes-inside", "the_Transpose", ALL, mended=True),
    "bytes-inside": Bad(bytes_inside, "bytes-inside", "the_MaxPool", ALL),
    "int64-range": Bad(int64_range, "int64-range", "the_Add", ALL[:2]),
    "layer-norm": Bad(layer_norm, "operator", "the_LayerNormalization", ALL[:2], mended=True),
    "new-opset": Bad(new_opset, "opset", "", ALL[:3], mended=True),
    "quantised-bias": Bad(quantised_bias, "quantised-bias", "bias_DequantizeLinear", ALL, mended=True),
    "zero-point": Bad(zero_point, "zero-point", "the_QuantizeLinear", ALL),
    "zero-point-128": Bad(zero_point_128, "zero-point", "the_QuantizeLinear", ALL, mended=True),
    "unsigned": Bad(unsigned, "unsigned", "the_QuantizeLinear", ALL[:4]),
    "double": Bad(double, "double", "wide", (), mended=True),
    "resize-antialias": Bad(resize_antialias, "resize-kind", "the_Resize", ALL),
    "if-ranks": Bad(squeezed, "if-ranks", "the_If", ALL, mended=True),
    "empty-branch": Bad(empty_branch, "empty-body", "the_If", ALL[:4]),
    "empty-loop": Bad(empty_loop, "empty-body", "the_Loop", ALL[:4]),
    "pool-indices": Bad(pool_indices, "pool-indices", "the_MaxPool", ALL),
    "conv-weights": Bad(conv_weights, "conv-weights", "the_Conv", ALL[:1]),
    "einsum": Bad(einsum, "einsum", "the_Einsum", ALL[:3]),
    "operator-form": Bad(operator_form, "operator", "the_QLinearConv", ALL),
    "unknown-domain": Bad(unknown_domain, "operator", "the_one", ALL),
    "places": Bad(places, "changing-output", "the_NonZero", ALL),
    "hard-swish": Bad(hard_swish, "operator", "the_HardSwish", ALL[:1], mended=True),
    "topk-count": Bad(topk_count, "topk-count", "the_TopK", ALL[:2], mended=True),
    "mod-of-sizes": Bad(mod_of_sizes, "operator", "the_Mod", ALL[:1], mended=True),
    "unused-set": Bad(unused_set, "unused-opset", "", (), mended=True),
}
