"""What can be wrong with one node, beside its operator: each check says it in words, or nothing.

A check is given the graph and the node and returns a phrase that follows "the node ...".
"""
from __future__ import annotations

import numpy as np
from onnx import TensorProto

from jetracer.graph.fold import foldable
from jetracer.graph.view import Graph, Node

_RESIZES = ("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners")
_WHOLE = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64)
INT32 = np.iinfo(np.int32)


def _input(node: Node, index: int) -> str:
    return node.inputs[index] if index < len(node.inputs) else ""


def _not_fixed(graph: Graph, node: Node, index: int, what: str) -> str:
    return "" if graph.fixed(_input(node, index)) else f"takes {what} that are computed at run time"


def resize_cubic(graph: Graph, node: Node) -> str:
    mode = node.attribute("mode", "nearest")
    return "" if mode in ("nearest", "linear") else f"interpolates in mode {mode!r}"


def resize_kind(graph: Graph, node: Node) -> str:
    place = node.attribute("coordinate_transformation_mode", "half_pixel")
    if place not in _RESIZES:
        return f"places its pixels by {place!r}"
    if node.attribute("antialias", 0):
        return "smooths before it shrinks (antialias)"
    if node.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        return f"keeps the aspect ratio ({node.attribute('keep_aspect_ratio_policy')})"
    return ""


def resize_scales(graph: Graph, node: Node) -> str:
    place = 1 if node.op == "Upsample" or graph.opset < 11 else 2
    return _not_fixed(graph, node, place, "scales")


def upsample_gone(graph: Graph, node: Node) -> str:
    """TensorRT takes it; ONNX Runtime, with which every engine is compared, does not."""
    return "" if graph.opset < 10 else (
        f"is no longer in ONNX from opset 10 on, and the model has opset {graph.opset}: ONNX Runtime refuses it")


def axes(graph: Graph, node: Node) -> str:
    return _not_fixed(graph, node, 1, "axes")


def foldable_axes(graph: Graph, node: Node) -> str:
    name = _input(node, 1)
    return axes(graph, node) if name in foldable(graph) else ""


def open_axes(graph: Graph, node: Node) -> str:
    name = _input(node, 1)
    return "" if name in foldable(graph) else axes(graph, node)


def slice_axes(graph: Graph, node: Node) -> str:
    return _not_fixed(graph, node, 3, "axes")


def pad_axes(graph: Graph, node: Node) -> str:
    return _not_fixed(graph, node, 3, "axes")


def pad_wrap(graph: Graph, node: Node) -> str:
    return "pads in mode 'wrap'" if node.attribute("mode", "constant") == "wrap" else ""


def topk_count(graph: Graph, node: Node) -> str:
    return "" if graph.opset < 10 or graph.fixed(_input(node, 1)) else "takes a K that is computed at run time"


def topk_limit(graph: Graph, node: Node) -> str:
    count = graph.constant(_input(node, 1))
    if count is not None and count.size and int(count.max()) > 3840:
        return f"keeps {int(count.max())} values, more than 3840"
    return "" if node.attribute("sorted", 1) else "leaves its values unsorted"


def weights(graph: Graph, node: Node) -> str:
    """Weights behind a DequantizeLinear are the file's own, too."""
    name = _input(node, 1)
    maker = graph.makers.get(name)
    if maker is not None and maker.op == "DequantizeLinear" and maker.standard:
        name = maker.inputs[0]
    return "" if graph.fixed(name) else "takes weights that are computed at run time"


def norm_weights(graph: Graph, node: Node) -> str:
    return _not_fixed(graph, node, 1, "scales") or _not_fixed(graph, node, 2, "biases")


def pool_indices(graph: Graph, node: Node) -> str:
    used = {*graph.readers, *(entry.name for entry in graph.outputs)}
    return "gives the places of the maxima too" if used & set(node.outputs[1:]) else ""


def pool_dilation(graph: Graph, node: Node) -> str:
    return "is dilated" if any(step != 1 for step in node.attribute("dilations", ())) else ""


def einsum(graph: Graph, node: Node) -> str:
    equation = node.attribute("equation", "").replace(" ", "")
    if "..." in equation:
        return "has an ellipsis in its equation"
    terms = equation.split("->")[0].split(",")
    return "takes a diagonal in its equation" if any(len(set(term)) < len(term) for term in terms) else ""


def nms_inputs(graph: Graph, node: Node) -> str:
    return ("is experimental in TensorRT 8.2: its answer is padded to a fixed size, so it differs from ONNX's"
            if all(graph.fixed(_input(node, i)) for i in (2, 3, 4)) else "takes limits that are computed at run time")


def grid_rank(graph: Graph, node: Node) -> str:
    shape = graph.shapes.get(_input(node, 0))
    return f"takes {len(shape)} dimensions instead of 4" if shape is not None and len(shape) != 4 else ""


def scatter_reduction(graph: Graph, node: Node) -> str:
    kind = node.attribute("reduction", "none")
    return "" if kind == "none" else f"reduces by {kind!r}"


def quantised_bias(graph: Graph, node: Node) -> str:
    return "takes a bias in INT32" if graph.types.get(_input(node, 0)) == TensorProto.INT32 else ""


def zero_point(graph: Graph, node: Node) -> str:
    """Of a quantised value that is not INT32."""
    name = _input(node, 2)
    point = graph.constant(name)
    if point is not None:
        worst = int(np.abs(point.astype(np.int64)).max()) if point.size else 0
        return f"has a zero point of {int(point.reshape(-1)[0])}" if worst else ""
    return "takes a zero point that is computed at run time" if name else ""


def unsigned(graph: Graph, node: Node) -> str:
    """A zero point of 0 does not help where the numbers are unsigned."""
    place = 0 if node.op == "DequantizeLinear" else 2
    kind = graph.types.get(_input(node, place))
    plain = kind == TensorProto.UINT8 or (kind is None and node.op == "QuantizeLinear")
    return "quantises to UINT8" if plain and not zero_point(graph, node) else ""


def bytes_inside(graph: Graph, node: Node) -> str:
    """UINT8 is for inputs and outputs: only a Cast may take or give it. Q and DQ have checks of their own."""
    if node.op in ("Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "Constant", "If", "Loop", "Scan"):
        return ""
    values = [name for name in (*node.inputs, *node.outputs) if graph.types.get(name) == TensorProto.UINT8]
    return "calculates with UINT8" if values else ""


def double(graph: Graph, node: Node) -> str:
    """Named once, where it begins: at what makes it of other types, or of a constant."""
    gives = any(graph.types.get(name) == TensorProto.DOUBLE for name in node.outputs)
    takes = any(graph.types.get(name) == TensorProto.DOUBLE and name not in graph.constants for name in node.inputs)
    return "calculates with DOUBLE" if gives and not takes else ""


def int64_range(graph: Graph, node: Node) -> str:
    """Ends of a Slice say "to the end" by the largest number there is; clamped it says the same."""
    if node.op in ("Slice", "Constant"):
        return ""
    for name in node.inputs:
        value = graph.constant(name)
        if value is not None and value.dtype == np.int64 and value.size and not (
                INT32.min <= value.min() and value.max() <= INT32.max):
            return f"takes {name!r} with a number beyond INT32"
    return ""


def if_ranks(graph: Graph, node: Node) -> str:
    ranks = [[len(graph.shapes[entry.name]) if graph.shapes.get(entry.name) is not None else None
              for entry in body.output] for body in node.bodies()]
    for mine, others in zip(*ranks) if len(ranks) == 2 else ():
        if mine is not None and others is not None and mine != others:
            return f"has branches whose answers have {mine} and {others} dimensions"
    return ""


def if_shapes(graph: Graph, node: Node) -> str:
    """Branches of the same rank and other sizes: TensorRT before 10 wants them to fit each other."""
    shapes = [[graph.shapes.get(entry.name) for entry in body.output] for body in node.bodies()]
    for mine, others in zip(*shapes) if len(shapes) == 2 else ():
        if mine and others and len(mine) == len(others) and any(
                a is not None and b is not None and a != b and 1 not in (a, b) for a, b in zip(mine, others)):
            return f"has branches whose answers have the sizes {list(mine)} and {list(others)}"
    return ""


def if_names(graph: Graph, node: Node) -> str:
    names = [{entry.name for entry in body.output} for body in node.bodies()]
    return "has branches whose answers have the same name" if len(names) == 2 and names[0] & names[1] else ""


def empty_body(graph: Graph, node: Node) -> str:
    return "has a body without a node" if any(not body.node for body in node.bodies()) else ""


def training(graph: Graph, node: Node) -> str:
    flag = graph.constant(_input(node, 2)) if node.op == "Dropout" else node.attribute("training_mode", 0)
    return "is in training mode" if flag is not None and bool(np.any(flag)) else ""


def lstm(graph: Graph, node: Node) -> str:
    odd = [name for name in ("input_forget", "layout") if node.attribute(name, 0)]
    return f"has {odd[0]} set" if odd else ""


def whole_numbers(graph: Graph, node: Node) -> str:
    name = _input(node, 0)
    return "takes whole numbers" if graph.types.get(name) in _WHOLE and not graph.fixed(name) else ""
