"""Weighted layers of a tidy graph: what they hold, what their weights become in INT8, and how to change them."""
from __future__ import annotations

from typing import List, NamedTuple, Optional

import numpy as np
from onnx import ModelProto, NodeProto

from jetracer.optimize.int8.graph import Graph, attribute, name_of, store
from jetracer.optimize.int8.quantise import MOST, output_axis, weight_scales
from jetracer.optimize.int8.scheme import layers


class Layer(NamedTuple):
    """`weight` with the output channels first; of a Conv (O, I/group, kH, kW), of a Gemm (O, I)."""

    node: NodeProto
    weight: np.ndarray
    bias: Optional[np.ndarray]  # (O,)
    group: int

    @property
    def name(self) -> str:
        return name_of(self.node)

    @property
    def takes_bias(self) -> bool:
        return self.node.op_type != "MatMul"

    @property
    def data(self) -> str:
        """The tensor that goes in."""
        return self.node.input[0]


def weighted(model: ModelProto) -> List[Layer]:
    """The convolutions and fully connected layers of a tidy model, in the order in which they run."""
    graph, names = Graph(model), set(layers(model))
    return [_layer(graph, node) for node in graph.nodes if name_of(node) in names]


def _layer(graph: Graph, node: NodeProto) -> Layer:
    weight = graph.constant(node.input[1])
    bias = graph.constant(node.input[2]) if len(node.input) > 2 else None
    weight = weight if output_axis(node) == 0 else weight.T
    return Layer(node, weight, None if bias is None else bias.reshape(-1), int(attribute(node, "group", 1)))


def rounded(weight: np.ndarray, most: int = MOST) -> np.ndarray:
    """Weights as INT8 holds them: to the nearest step of their output channel, which come first."""
    scales = steps(weight, most)
    return (np.clip(np.rint(weight / scales), -most, most) * scales).astype(np.float32)


def steps(weight: np.ndarray, most: int = MOST) -> np.ndarray:
    """The step of each output channel, in a shape that goes with the weights."""
    return weight_scales(weight, 0, most).reshape(-1, *[1] * (weight.ndim - 1))


def set_weight(model: ModelProto, layer: Layer, weight: np.ndarray) -> None:
    """Give a layer new weights, output channels first. Others that share the old ones keep those."""
    lying = weight if output_axis(layer.node) == 0 else weight.T
    layer.node.input[1] = store(model, f"{layer.name}/repaired/weight", lying.astype(np.float32))


def set_bias(model: ModelProto, layer: Layer, bias: np.ndarray) -> None:
    """Give a layer that takes one a new bias."""
    name = store(model, f"{layer.name}/repaired/bias", bias.astype(np.float32))
    if len(layer.node.input) > 2:
        layer.node.input[2] = name
    else:
        layer.node.input.append(name)
