"""A graph in an older opset, where what it uses was there already.

ONNX's own converter lacks many steps downwards (Relu 14 to 13 is one). Between two opsets most operators change only in
the types that they take; a node fits the older one when its inputs and attributes were there, and say the same.
"""
from __future__ import annotations

from typing import Any, Iterator

import numpy as np
from onnx import defs, helper, numpy_helper

from jetracer.graph.view import STANDARD, Graph, Node, view

# same inputs and attributes, another meaning: RoiAlign 16 (half a pixel), GridSample 20 (names of modes)
_CHANGED = ("RoiAlign", "GridSample")
_REDUCE = "Reduce"


def lower(model: Any, target: int) -> bool:
    """Bring the model down to opset `target`, or leave it as it is and return False."""
    graph = view(model)
    if graph.opset <= target or model.functions or not all(_fits(graph, node, target) for node in graph.nodes):
        return False
    for node in graph.nodes:
        if node.standard:
            _change(model, graph, node, target)
    for entry in model.opset_import:
        if entry.domain in STANDARD:
            entry.version = target
    return True


def _fits(graph: Graph, node: Node, target: int) -> bool:
    if not node.standard:
        return True
    new, old = _schema(node.op, graph.opset), _schema(node.op, target)
    if new is None or old is None or (node.op in _CHANGED and new.since_version != old.since_version):
        return False
    if new.since_version == old.since_version:
        return True
    if _axes_as_input(node, new, old):
        return graph.constant(node.inputs[1]) is not None
    return len(_given(node)) <= old.max_input and all(_says_nothing(entry, new) for entry in _unknown(node, old))


def _schema(op: str, opset: int) -> Any:
    return defs.get_schema(op, max_inclusive_version=opset, domain="") if defs.has(
        op, max_inclusive_version=opset, domain="") else None


def _given(node: Node) -> list:
    """Inputs without those left out at the end."""
    names = node.inputs
    while names and not names[-1]:
        names.pop()
    return names


def _unknown(node: Node, old: Any) -> Iterator[Any]:
    return (entry for entry in node.proto.attribute if entry.name not in old.attributes)


def _says_nothing(entry: Any, new: Any) -> bool:
    """An attribute that the older operator has not, at the value that is meant when it is left out."""
    if entry.name not in new.attributes:
        return False
    default = new.attributes[entry.name].default_value
    return bool(default.name) and helper.get_attribute_value(entry) == helper.get_attribute_value(default)


def _axes_as_input(node: Node, new: Any, old: Any) -> bool:
    return node.op.startswith(_REDUCE) and "axes" in old.attributes and "axes" not in new.attributes and len(
        _given(node)) > 1


def _change(model: Any, graph: Graph, node: Node, target: int) -> None:
    new, old = _schema(node.op, graph.opset), _schema(node.op, target)
    for entry in list(_unknown(node, old)):
        node.proto.attribute.remove(entry)
    if _axes_as_input(node, new, old):
        axes = np.asarray(numpy_helper.to_array(graph.constants[node.inputs[1]])).reshape(-1).tolist()
        del node.proto.input[1:]
        node.proto.attribute.append(helper.make_attribute("axes", axes))
