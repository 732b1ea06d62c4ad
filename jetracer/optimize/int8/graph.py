"""An ONNX graph as its quantiser wants it: constants are initialisers, norms and paddings are in the convolutions.

`tidy` changes no answer and no name of a node or tensor that stays. Tensors that calibration watches are those of the
tidied graph, so calibration and quantisation tidy alike.
"""
from __future__ import annotations

from collections import defaultdict
from typing import Dict, List, Optional

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, numpy_helper

from jetracer.core.errors import ModelError
from jetracer.graph import fold
from jetracer.graph.view import STANDARD

MIN_OPSET = 13  # the first with a scale per channel


class Graph:
    """Who makes and who uses each tensor of a model; made anew after every change of the nodes.

    Unlike `graph/view.py`, which infers shapes, this costs next to nothing.
    """

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.nodes: List[NodeProto] = list(model.graph.node)
        self.outputs = {output.name for output in model.graph.output}
        self.inputs = [entry.name for entry in model.graph.input]
        self.stored = {entry.name: entry for entry in model.graph.initializer}
        self.maker: Dict[str, NodeProto] = {}
        self.users: Dict[str, List[NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in node.output:
                self.maker[name] = node
            for name in node.input:
                if name:
                    self.users[name].append(node)

    def constant(self, name: str) -> Optional[np.ndarray]:
        """The value of an initialiser, or None."""
        return numpy_helper.to_array(self.stored[name]) if name in self.stored else None

    def only_user(self, tensor: str) -> Optional[NodeProto]:
        """The one node that reads `tensor`, or None where there are several or it leaves the graph."""
        users = self.users[tensor]
        return users[0] if len(users) == 1 and tensor not in self.outputs else None


def attribute(node: NodeProto, name: str, default=None):
    for entry in node.attribute:
        if entry.name == name:
            return onnx.helper.get_attribute_value(entry)
    return default


def name_of(node: NodeProto) -> str:
    """What a person calls a node: its name, or that of its first output."""
    return node.name or node.output[0]


def tidy(model: ModelProto) -> ModelProto:
    """A copy: constants folded, batch norms and paddings folded into convolutions. Raises ModelError."""
    version = next((entry.version for entry in model.opset_import if entry.domain in STANDARD), 0)
    if version < MIN_OPSET:
        raise ModelError(f"The model is of ONNX opset {version}, INT8 needs {MIN_OPSET}: export it again with that.")
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node):
        raise ModelError("The model is quantised already: give the one that it was quantised from.")
    copy = ModelProto()
    copy.CopyFrom(model)
    fold.lift(copy)
    fold.fold(copy)
    _drop_identities(copy)
    _fold_norms(copy)
    _fold_paddings(copy)
    fold.tidy(copy)
    fold.drop_sets(copy)
    return copy


def replace_nodes(model: ModelProto, nodes: List[NodeProto]) -> None:
    kept = [NodeProto() for _ in nodes]
    for new, old in zip(kept, nodes):
        new.CopyFrom(old)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def store(model: ModelProto, name: str, value: np.ndarray) -> str:
    """Put an initialiser in, in place of an older one of that name; returns the name."""
    for entry in model.graph.initializer:
        if entry.name == name:
            entry.CopyFrom(numpy_helper.from_array(np.asarray(value, order="C"), name))
            return name
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
    return name


def _drop_identities(model: ModelProto) -> None:
    """Identity between others; one that makes an answer stays."""
    outputs = {output.name for output in model.graph.output}
    renamed: Dict[str, str] = {}
    nodes = []
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = renamed.get(name, name)
        if node.op_type == "Identity" and node.output[0] not in outputs:
            renamed[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    replace_nodes(model, nodes)


def _fold_norms(model: ModelProto) -> None:
    """Convolution and the batch norm behind it: one convolution (Jacob et al. 2018, section 3.2)."""
    graph, gone = Graph(model), set()
    for node in graph.nodes:
        norm = graph.only_user(node.output[0]) if node.op_type == "Conv" else None
        if norm is None or norm.op_type != "BatchNormalization" or graph.constant(node.input[1]) is None:
            continue
        gamma, beta, mean, var = (graph.constant(name).astype(np.float64) for name in norm.input[1:5])
        gain = gamma / np.sqrt(var + attribute(norm, "epsilon", 1e-5))
        weight = graph.constant(node.input[1])
        bias = graph.constant(node.input[2]) if len(node.input) > 2 else 0.0
        scaled = (weight * gain.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.float32)
        names = [store(model, f"{norm.output[0]}/weight", scaled),
                 store(model, f"{norm.output[0]}/bias", ((bias - mean) * gain + beta).astype(np.float32))]
        del node.input[1:]
        node.input.extend(names)
        node.output[0] = norm.output[0]
        gone.add(id(norm))
    replace_nodes(model, [node for node in graph.nodes if id(node) not in gone])


def _fold_paddings(model: ModelProto) -> None:
    """Zeros put around a picture before a convolution: the convolution puts them."""
    graph, gone = Graph(model), set()
    for node in graph.nodes:
        conv = graph.only_user(node.output[0]) if node.op_type == "Pad" else None
        pads = _spatial(graph, node) if conv is not None and conv.op_type == "Conv" else None
        if pads is None or attribute(conv, "auto_pad", b"NOTSET") != b"NOTSET":
            continue
        own = attribute(conv, "pads", [0] * len(pads))
        kept = [entry for entry in conv.attribute if entry.name != "pads"]
        del conv.attribute[:]
        conv.attribute.extend([*kept, onnx.helper.make_attribute("pads", [a + b for a, b in zip(pads, own)])])
        conv.input[0] = node.input[0]
        gone.add(id(node))
    replace_nodes(model, [node for node in graph.nodes if id(node) not in gone])


def _spatial(graph: Graph, pad: NodeProto) -> Optional[List[int]]:
    """By how many zeros a Pad widens height and width, as a convolution's `pads`; None when it does more than that."""
    amounts = graph.constant(pad.input[1])
    value = graph.constant(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
    plain = attribute(pad, "mode", b"constant") == b"constant" and len(pad.input) < 4
    if amounts is None or value is None or not plain or np.any(value):
        return None
    begins, ends = np.split(amounts.astype(int), 2)
    if np.any(begins[:2]) or np.any(ends[:2]) or amounts.min() < 0:
        return None
    return [*map(int, begins[2:]), *map(int, ends[2:])]
