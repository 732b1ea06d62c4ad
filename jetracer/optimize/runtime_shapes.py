"""The shapes behind operators of ONNX Runtime's own, which ONNX's inference does not know.

What ONNX Runtime puts into a graph when it optimises it (domains com.microsoft and com.microsoft.nchwc) makes the shape
that the operator of ONNX makes which it stands for.
"""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import onnx
from onnx import helper

from jetracer.graph.view import Graph, Node, shape_of

Shape = Tuple[int, ...]
_SMALL = 1024  # numbers of a constant that inference may want to know: shapes, axes, scales

# the operator of ONNX, and how many of the inputs it has
_LIKE = {
    "FusedConv": ("Conv", 2), "nchwc.Conv": ("Conv", 2), "FusedGemm": ("Gemm", 2), "nchwc.MaxPool": ("MaxPool", 1),
    "nchwc.AveragePool": ("AveragePool", 1), "nchwc.GlobalAveragePool": ("GlobalAveragePool", 1),
    "nchwc.GlobalMaxPool": ("GlobalMaxPool", 1),
}
_KEPT = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides", "ceil_mode", "count_include_pad",
         "transA", "transB")
_SAME = {"Gelu", "FastGelu", "QuickGelu", "BiasGelu", "LayerNormalization", "SkipLayerNormalization",
         "SimplifiedLayerNormalization", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu"}


def fill_in(graph: Graph) -> None:
    """Note in the graph whatever shapes and types can be told from what is known already, node by node."""
    for node in graph.top:
        if node.inputs and graph.sized(node.inputs[0]) and not all(map(graph.sized, filter(None, node.outputs))):
            for name, (kind, shape) in _made(graph, node).items():
                if shape is not None and None not in shape:
                    graph.types[name], graph.shapes[name] = kind, shape


def _made(graph: Graph, node: Node) -> Dict[str, Tuple[int, Any]]:
    """(type, shape) of the outputs."""
    key = node.op if node.domain in ("", "com.microsoft") else f"nchwc.{node.op}"
    first = node.inputs[0]
    if key in _SAME:
        return {node.outputs[0]: (graph.types[first], graph.shapes[first])}
    if key in _SPECIAL:
        shapes = [graph.shape(name) if graph.sized(name) else None for name in node.inputs]
        return {node.outputs[0]: (graph.types[first], _SPECIAL[key](node, shapes))}
    return _as_onnx(graph, _stand_in(node, key))


def _as_onnx(graph: Graph, node: onnx.NodeProto) -> Dict[str, Tuple[int, Any]]:
    known = {name: helper.make_tensor_type_proto(graph.types[name], graph.shapes[name])
             for name in node.input if graph.sized(name)}
    data = {name: graph.constants[name] for name in node.input
            if name in graph.constants and graph.size(name) <= _SMALL}
    try:
        schema = onnx.defs.get_schema(node.op_type, graph.opset)
        found = onnx.shape_inference.infer_node_outputs(
            schema, node, known, data, opset_imports=[helper.make_opsetid("", graph.opset)])
    except Exception:  # no such operator, or it does not say: the shape stays unknown, and whoever needs it says so
        return {}
    entries = {name: onnx.ValueInfoProto(name=name, type=kind) for name, kind in found.items()}
    return {name: (entry.type.tensor_type.elem_type, shape_of(entry)) for name, entry in entries.items()}


def _stand_in(node: Node, key: str) -> onnx.NodeProto:
    if key not in _LIKE:
        return node.proto
    op, inputs = _LIKE[key]
    made = helper.make_node(op, node.inputs[:inputs], node.outputs[:1])
    made.attribute.extend(entry for entry in node.proto.attribute if entry.name in _KEPT)
    return made


def _reordered_in(node: Node, shapes: List[Optional[Shape]]) -> Shape:
    shape = shapes[0]
    return (shape[0], shape[3], *shape[1:3]) if node.attribute("channels_last") else shape


def _reordered_out(node: Node, shapes: List[Optional[Shape]]) -> Shape:
    channels, sides = node.attribute("channels", shapes[0][1]), shapes[0][2:]
    return (shapes[0][0], *sides, channels) if node.attribute("channels_last") else (shapes[0][0], channels, *sides)


def _upsampled(node: Node, shapes: List[Optional[Shape]]) -> Optional[Shape]:
    scales = node.attribute("scales")
    return tuple(side * scale for side, scale in zip(shapes[0], scales)) if scales else None


def _matrix_product(node: Node, shapes: List[Optional[Shape]]) -> Optional[Shape]:
    if not shapes[0] or not shapes[1]:
        return None
    left, right = (_turned(shape, node, side) for shape, side in zip(shapes[:2], "AB"))
    return (*max(left[:-2], right[:-2], key=lambda batch: (len(batch), batch)), left[-2], right[-1])


def _turned(shape: Shape, node: Node, side: str) -> Shape:
    """(batch, rows, columns) of an operand of com.microsoft.FusedMatMul."""
    if node.attribute(f"transBatch{side}"):
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if node.attribute(f"trans{side}") else shape


_SPECIAL = {"nchwc.ReorderInput": _reordered_in, "nchwc.ReorderOutput": _reordered_out, "nchwc.Upsample": _upsampled,
            "FusedMatMul": _matrix_product}
