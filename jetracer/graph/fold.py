"""Computing once what does not depend on the picture: shapes of fixed sizes, and what is made of constants.

And taking out what a graph no longer needs after that. All change a ModelProto in place.
"""
from __future__ import annotations

from typing import Any, Dict, Iterable, List, Set

import numpy as np
import onnx
from onnx import helper, numpy_helper

from jetracer.engine.onnx_run import session
from jetracer.graph.view import STANDARD, Graph, Node, tensor_of, view, walk

# Weights in INT8 stay behind their DequantizeLinear: that is how TensorRT knows them
_NEVER = ("QuantizeLinear", "DequantizeLinear", "RandomNormal", "RandomUniform", "RandomNormalLike",
          "RandomUniformLike", "Bernoulli", "Multinomial", "If", "Loop", "Scan")
_LARGEST = 1 << 22  # numbers in one value; larger ones are cheaper to compute than to keep


def foldable(graph: Graph) -> Set[str]:
    """Names of values that the top graph computes and that are the same for every picture. Worked out once."""
    if graph.once is None:
        graph.once = _foldable(graph)
    return graph.once


def _foldable(graph: Graph) -> Set[str]:
    known: Set[str] = set(graph.constants)
    folded: Set[str] = set()
    for node in graph.top:
        if node.op == "Constant":
            continue
        if _by_shape(graph, node) or (node.standard and node.op not in _NEVER and node.inputs
                                      and all(not name or name in known for name in node.inputs)):
            if any(graph.size(name) > _LARGEST for name in node.outputs):
                continue
            known.update(filter(None, node.outputs))
            folded.update(filter(None, node.outputs))
    return folded


def _by_shape(graph: Graph, node: Node) -> bool:
    if node.op not in ("Shape", "Size") or not node.standard:
        return False
    return graph.sized(node.inputs[0])


def fold(model: Any) -> bool:
    """Put constants in the place of all that is foldable. False when there is nothing.

    Again and again: a size that is a constant by now lets the sizes behind it be known.
    """
    changed = False
    while _fold(model):
        changed = True
    return changed


def _fold(model: Any) -> bool:
    graph = view(model)
    names = foldable(graph)
    if not names:
        return False
    gone = [node for node in graph.top if names & set(node.outputs)]
    kept_reads = {name for node in graph.top if not names & set(node.outputs) for name in node.reads()}
    kept_reads |= {entry.name for entry in graph.outputs}
    wanted = sorted(names & kept_reads)
    for name, value in compute(graph, gone, wanted).items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    remove(model.graph, gone)
    return True


def compute(graph: Graph, nodes: Iterable[Node], wanted: Iterable[str]) -> Dict[str, np.ndarray]:
    """Values that `nodes` make of constants and of shapes, by ONNX Runtime."""
    wanted = list(wanted)
    if not wanted:
        return {}
    protos, constants = [], {}
    for node in nodes:
        if _by_shape(graph, node):
            constants[node.outputs[0]] = numpy_helper.from_array(_shape_value(graph, node), node.outputs[0])
        else:
            protos.append(node.proto)
            constants.update({name: _named(graph.constants[name], name) for name in node.inputs
                              if name in graph.constants})
    outputs = [helper.make_tensor_value_info(name, graph.types.get(name, 0), None) for name in wanted]
    proto = helper.make_graph([*protos, *(helper.make_node("Identity", [name], [f"{name}/once"]) for name in wanted)],
                              "once", [], [_renamed(entry) for entry in outputs], list(constants.values()))
    small = helper.make_model(proto, opset_imports=graph.model.opset_import, ir_version=graph.model.ir_version)
    return dict(zip(wanted, session(small.SerializeToString()).run(None, {})))


def _shape_value(graph: Graph, node: Node) -> np.ndarray:
    shape = np.array(graph.shapes[node.inputs[0]], np.int64)
    if node.op == "Size":
        return np.array(shape.prod(), np.int64)
    return shape[node.attribute("start", 0):node.attribute("end", len(shape))]


def _renamed(entry: Any) -> Any:
    entry.name = f"{entry.name}/once"
    return entry


def _named(tensor: Any, name: str) -> Any:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy


def remove(proto: Any, nodes: Iterable[Node]) -> None:
    """Take nodes of a graph out of it, by their place."""
    for index in sorted((node.index for node in nodes), reverse=True):
        del proto.node[index]


def lift(model: Any) -> None:
    """Constant nodes as constants of the graph: there all that reads a graph looks for them."""
    for index in range(len(model.graph.node) - 1, -1, -1):
        node = Node(index, model.graph.node[index], "")
        value = tensor_of(node)
        if value is not None:
            model.graph.initializer.append(_named(value, node.outputs[0]))
            del model.graph.node[index]


def simplify(model: Any) -> None:
    """All that is the same for every picture computed, what nothing reads left out; the answers stay.

    On the nets of `jetracer/models` as few nodes are left as by onnxslim 0.1.98, within one.
    """
    lift(model)
    fold(model)
    tidy(model)


def unused_sets(model: Any) -> List[str]:
    """Domains of operator sets that no node is of. TensorRT 8.2 and old ONNX Runtimes refuse those they do not know."""
    used = {*STANDARD, *(entry.domain for entry in model.functions), *(node.domain for node in walk(model.graph))}
    return sorted(entry.domain for entry in model.opset_import if entry.domain not in used)


def drop_sets(model: Any) -> bool:
    """Take out operator sets that no node is of; False when there is none."""
    unused = unused_sets(model)
    kept = [entry for entry in model.opset_import if entry.domain not in unused]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return bool(unused)


def tidy(model: Any) -> None:
    """Take out what nothing reads any more: nodes, constants, and notes of shapes that may be wrong by now."""
    kept = {entry.name for entry in model.graph.output}
    for index in range(len(model.graph.node) - 1, -1, -1):
        node = Node(index, model.graph.node[index], "")
        if kept & set(node.outputs):
            kept |= node.reads()
        else:
            del model.graph.node[index]
    for place in (model.graph.initializer, model.graph.sparse_initializer):
        for index in range(len(place) - 1, -1, -1):
            if getattr(place[index], "name", "") not in kept:
                del place[index]
    del model.graph.value_info[:]
