"""What each layer of a model costs to calculate: parameters, multiply-accumulates, operations, bytes moved.

    macs         multiplications with an addition, of convolutions and matrix products; out of 1: 2 operations
    flops        2 * macs, as papers and torch count them; biases are not counted
    other_flops  all the rest, counted by hand: an element of an elementwise operator 1, a pool its window, a
                 normalisation or a softmax 5, a batch norm 2, a resize by lines 7; moving is 0
    bytes        inputs, weights and outputs, each once
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Set, Tuple

import numpy as np
from onnx import TensorProto

from jetracer.graph.view import Graph, Node, Shape

FREE = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout", "Shape", "Constant", "Size"}
MOVING = {"Transpose", "Concat", "Split", "Slice", "Gather", "Pad", "Expand", "Tile", "Cast", "DepthToSpace",
          "SpaceToDepth", "ConstantOfShape", "Range", "ReorderInput", "ReorderOutput", "GatherElements", "GatherND",
          "ScatterND", "Where", "QuantizeLinear", "DequantizeLinear", "Upsample"}
NOT_COUNTED = {"LSTM", "GRU", "RNN", "If", "Loop", "Scan", "NonMaxSuppression", "Attention", "MultiHeadAttention",
               "DeformConv", "GridSample", "RoiAlign"}
FLOATS = (TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)


@dataclass(frozen=True)
class Layer:
    """One node and what it costs for one picture."""

    name: str
    op: str
    params: int
    macs: int
    other_flops: int
    bytes: int
    shape: Optional[Shape]  # of its first output; None where it depends on the picture

    @property
    def flops(self) -> int:
        return 2 * self.macs


def count_layers(graph: Graph) -> List[Layer]:
    """Every node that is not a constant, in the order they run. Raises ModelError where a size is not fixed."""
    origin = _origins(graph)
    counted: Set[str] = set()
    return [_layer(graph, node, origin, counted) for node in graph.top if node.op != "Constant"]


def not_counted(graph: Graph) -> List[str]:
    """In words, what these figures leave out."""
    return [f"{node.label} ({node.op}) is not counted" for node in graph.top if node.op in NOT_COUNTED]


def _layer(graph: Graph, node: Node, origin: Mapping[str, str], counted: Set[str]) -> Layer:
    macs = MACS[node.op](graph, node) if node.op in MACS else 0
    shape = graph.shape(node.outputs[0]) if graph.sized(node.outputs[0]) else None
    return Layer(node.label, node.op, _params(graph, node, origin, counted), macs, other_flops(graph, node),
                 bytes_moved(graph, node), shape)


def _origins(graph: Graph) -> Dict[str, str]:
    """Of every tensor that is a stored one but for its type or order: the stored one."""
    found = {name: name for name in graph.constants}
    for node in graph.top:
        through = ("DequantizeLinear", "Cast", "Transpose", "Identity", "Reshape")
        if node.op in through and node.inputs and node.inputs[0] in found:
            found[node.outputs[0]] = found[node.inputs[0]]
    return found


def _params(graph: Graph, node: Node, origin: Mapping[str, str], counted: Set[str]) -> int:
    """Weights and biases; a tensor that two layers share counts once. Scales, axes and single factors are none."""
    if node.op in FREE or node.op in MOVING or node.op in ("Resize", "Clip"):
        return 0
    weighty = node.op in MACS or "Normalization" in node.op or node.op == "PRelu"
    total = 0
    for name in node.inputs[1:] if weighty else node.inputs:
        stored = origin.get(name)
        if stored is None or stored in counted:
            continue
        size = graph.size(stored)
        weights = (weighty or size > 1) if graph.types[stored] in FLOATS else (weighty and size > 1)
        if weights and graph.shape(stored):
            counted.add(stored)
            total += size
    return total


def _conv(graph: Graph, node: Node) -> int:
    weight = graph.shape(node.inputs[3 if node.op.startswith("QLinear") else 1])
    if node.op == "ConvTranspose":  # every input value meets every weight of its channel
        return _size(graph.shape(node.inputs[0])) * _size(weight[1:])
    return _size(graph.shape(node.outputs[0])) * _size(weight[1:])


def _gemm(graph: Graph, node: Node) -> int:
    left = graph.shape(node.inputs[0])
    return _size(graph.shape(node.outputs[0])) * left[0 if node.attribute("transA") else -1]


def _matmul(graph: Graph, node: Node) -> int:
    left = graph.shape(node.inputs[0])
    if not node.attribute("transA"):
        return _size(graph.shape(node.outputs[0])) * left[-1]
    return _size(graph.shape(node.outputs[0])) * left[0 if node.attribute("transBatchA") else -2]


def _einsum(graph: Graph, node: Node) -> int:
    """One product for every combination of indices, where two are multiplied."""
    terms = str(node.attribute("equation")).split("->")[0].replace(" ", "").split(",")
    sides: Dict[str, int] = {}
    for term, name in zip(terms, node.inputs):
        if "." in term:
            return 0
        sides.update(zip(term, graph.shape(name)))
    return _size(tuple(sides.values())) if len(terms) > 1 else 0


MACS: Dict[str, Callable[[Graph, Node], int]] = {
    "Conv": _conv, "FusedConv": _conv, "ConvTranspose": _conv, "ConvInteger": _conv, "QLinearConv": _conv,
    "Gemm": _gemm, "FusedGemm": _gemm, "QGemm": _gemm, "MatMul": _matmul, "FusedMatMul": _matmul,
    "MatMulInteger": _matmul, "QLinearMatMul": _matmul, "Einsum": _einsum,
}
_PER_INPUT = ("GlobalAveragePool", "GlobalMaxPool", "Reduce", "ArgMax", "ArgMin")
_PER_OUTPUT = {"Softmax": 5, "LogSoftmax": 5, "LayerNormalization": 5, "InstanceNormalization": 5,
               "GroupNormalization": 5, "BatchNormalization": 2, "Gelu": 5}


def other_flops(graph: Graph, node: Node) -> int:
    """Operations that are no multiply-accumulates; see the top of this file."""
    size = graph.size(node.outputs[0])
    if node.op in MACS or node.op in FREE or node.op in MOVING:
        return 0
    if node.op.startswith(_PER_INPUT):
        return graph.size(node.inputs[0])
    if node.op in ("AveragePool", "MaxPool", "LpPool"):
        return size * _size(node.attribute("kernel_shape"))
    if node.op == "Resize":
        return size * (7 if node.attribute("mode") in ("linear", "cubic") else 0)
    return size * _PER_OUTPUT.get(node.op, 1)


def bytes_moved(graph: Graph, node: Node) -> int:
    """Inputs, weights and outputs, each once; nothing for what only looks at memory in another shape."""
    if node.op in FREE:
        return 0
    return sum(graph.bytes(name) for name in {*node.inputs, *node.outputs})


def _size(sides: Tuple[int, ...]) -> int:
    return int(np.prod(sides, dtype=np.int64))
