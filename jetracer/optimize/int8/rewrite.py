"""Q/DQ nodes and whole-number weights put into a graph, as a scheme and steps say.

Nodes and tensors of the model keep their names. What is added has short ones, q1w: with the long ones of its tensors it
would weigh as much as the scales. A bias has the scale of the products that it is added to, and the graph says so: data
scale times weight scale. Every runtime calculates that, and the zeros of a layer, once when it loads the file.

Zero points are there and shared by no two nodes: left out, ONNX Runtime adds wrong ones of its own; shared, its
optimiser replaces them twice, and fails. Those of weights are stored for TensorRT, and where weights have 8 bits: ONNX
Runtime makes u8 of them on a CPU without VNNI, and fails on zeros that it has made itself.
"""
from __future__ import annotations

from typing import Collection, Dict, List, NamedTuple

import numpy as np
import onnx
from onnx import ModelProto, NodeProto
from onnx.numpy_helper import from_array

from jetracer.optimize.int8.graph import Graph, attribute, name_of, replace_nodes, store
from jetracer.optimize.int8.scheme import Scheme

MOST = 127  # of s8, symmetric: -128 is left out
FOLDED_MOST = 63  # of weights whose zero points need not be stored; see above
BIAS_MOST = 1 << 30  # of a bias in s32, half of what it holds
TINY = 1e-12  # scale of what is always zero


class Step(NamedTuple):
    """value = (number - zero) * scale"""

    scale: np.float32
    zero: int
    kind: type  # np.int8 or np.uint8


def weight_scales(weight: np.ndarray, axis: int, most: int = MOST) -> np.ndarray:
    """float32 scale of each output channel, which lie along `axis`; `most`: the greatest number that is stored."""
    greatest = np.abs(weight).max(axis=tuple(at for at in range(weight.ndim) if at != axis))
    return np.maximum(greatest / most, TINY).astype(np.float32)


def output_axis(node: NodeProto) -> int:
    """Along which axis of a weighted node's weights its output channels lie."""
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    return 0 if node.op_type == "Conv" else 1


class Rewriter:
    """`steps`: of every quantised tensor of `plan`; `most`: the greatest number that a weight becomes."""

    def __init__(self, model: ModelProto, plan: Scheme, steps: Dict[str, Step], most: int) -> None:
        self._model, self._plan, self._steps, self._most = model, plan, steps, most
        self._graph = Graph(model)
        self._short: Dict[str, str] = {}

    def rewrite(self, fresh: List[str], keep: Collection[str]) -> None:
        """Put Q/DQ behind the tensors of `fresh`, let their readers read that, and quantise the weights.

        `keep`: nodes that ONNX Runtime would quantise by itself, were they to read what was dequantised.
        """
        pairs = {name: self._pair(name) for name in fresh}
        nodes = [node for name in self._graph.inputs for node in pairs.get(name, [])]
        layers = set(self._plan.layers)
        for node in self._graph.nodes:
            if name_of(node) in layers:
                nodes += self._weights(node)
            for at, name in enumerate(node.input):
                readers = self._plan.readers.get(name)
                if name in pairs and (readers is None or name_of(node) in readers):
                    node.input[at] = f"{self._name(name)}d"
                    if name_of(node) in keep:  # a sum of one is what it was, and no pattern of quantised layers
                        alone = f"{self._name(name)}d{len(nodes)}"
                        nodes.append(onnx.helper.make_node("Sum", [node.input[at]], [alone]))
                        node.input[at] = alone
            nodes.append(node)
            nodes += [one for name in node.output for one in pairs.get(name, [])]
        replace_nodes(self._model, nodes)
        used = {name for node in nodes for name in node.input}
        kept = [entry for entry in self._model.graph.initializer if entry.name in used]
        del self._model.graph.initializer[:]
        self._model.graph.initializer.extend(kept)

    def _name(self, tensor: str) -> str:
        return self._short.setdefault(tensor, f"q{len(self._short)}")

    def _store(self, name: str, value: np.ndarray) -> str:
        return store(self._model, name, value)

    def _pair(self, tensor: str) -> List[NodeProto]:
        name, step = self._name(tensor), self._steps[tensor]
        parameters = [self._scale(tensor), self._store(f"{name}z", np.array(step.zero, step.kind))]
        return [onnx.helper.make_node("QuantizeLinear", [tensor, *parameters], [f"{name}q"]),
                onnx.helper.make_node("DequantizeLinear", [f"{name}q", *parameters], [f"{name}d"])]

    def _scale(self, tensor: str) -> str:
        return self._store(f"{self._name(tensor)}s", np.array(self._steps[tensor].scale))

    def _weights(self, node: NodeProto) -> List[NodeProto]:
        """Store a node's weights as s8; and its bias as s32, where what goes in is quantised as for a CPU."""
        weight, axis, data = self._graph.constant(node.input[1]), output_axis(node), self._steps[node.input[0]]
        scales = weight_scales(weight, axis, self._most)
        bias = self._graph.constant(node.input[2]) if len(node.input) > 2 and data.kind is np.uint8 else None
        if bias is not None:  # a channel of all but no weight and a bias: the bias has to fit into s32
            scales = np.maximum(scales, (np.abs(bias) / (BIAS_MOST * np.float64(data.scale))).astype(np.float32))
        name = self._name(node.output[0])
        shape = [-1 if at == axis else 1 for at in range(weight.ndim)]
        numbers = np.clip(np.rint(weight / scales.reshape(shape)), -self._most, self._most).astype(np.int8)
        scale = self._store(f"{name}ws", scales)
        zeros, added = f"{name}wz", []
        if data.kind is np.uint8 and self._most <= FOLDED_MOST:
            added.append(self._zeros(zeros, name, len(scales), np.int8))
        else:
            self._store(zeros, np.zeros(len(scales), np.int8))
        added.append(self._floats(f"{name}w", numbers, [scale, zeros], axis))
        node.input[1] = added[-1].output[0]
        if bias is not None:
            numbers = np.rint(bias / (scales * data.scale).astype(np.float64)).astype(np.int32)
            added += [onnx.helper.make_node("Mul", [scale, self._scale(node.input[0])], [f"{name}bs"]),
                      self._zeros(f"{name}bz", name, len(bias), np.int32),
                      self._floats(f"{name}b", numbers, [f"{name}bs", f"{name}bz"], 0)]
            node.input[2] = added[-1].output[0]
        return added

    def _zeros(self, name: str, layer: str, count: int, kind: type) -> NodeProto:
        """So many zeros, made when the file is loaded."""
        size = self._store(f"{layer}n", np.array([count], np.int64))
        return onnx.helper.make_node("ConstantOfShape", [size], [name], value=from_array(np.zeros(1, kind)))

    def _floats(self, name: str, numbers: np.ndarray, parameters: List[str], axis: int) -> NodeProto:
        stored = self._store(name, numbers)
        return onnx.helper.make_node("DequantizeLinear", [stored, *parameters], [f"{name}f"], axis=axis)
