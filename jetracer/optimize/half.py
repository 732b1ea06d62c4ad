"""A graph in FP16, by type-casting: which tensors become half, and the casts where the two precisions meet.

Whether an operator may have FP16 at all is asked of ONNX's own definitions, input by input: the scales of a Resize stay
FP32, an operator that is not ONNX's stays whole. The file's inputs and outputs keep their types.

ONNX Runtime has no FP16 on a CPU: it calculates such a graph in FP32, drops the casts between, and so shows neither
overflow nor rounding. `emulated` says what a device that has FP16 would answer.
"""
from __future__ import annotations

from copy import deepcopy
from typing import AbstractSet, Any, Dict, List, Set, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jetracer.graph.fold import drop_sets, lift
from jetracer.graph.view import STANDARD, view

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
LARGEST = float(np.finfo(np.float16).max)  # 65504
_TYPED = {"dtype"}  # attributes by which an operator names the type that it makes


def to_half(model: onnx.ModelProto, keep: AbstractSet[str] = frozenset()) -> onnx.ModelProto:
    """A copy in FP16, but for the nodes whose first outputs are in `keep`. Opset and metadata stay.

    Raises onnx's checker errors where the result is no valid model.
    """
    model = deepcopy(model)
    lift(model)
    result = _Casting(model, keep).done()
    drop_sets(result)
    onnx.checker.check_model(result, full_check=True)
    return result


def half_slots(node: onnx.NodeProto, opset: int) -> Tuple[Set[int], Set[int]]:
    """Which inputs and which outputs of a node ONNX allows to be float16; none of an operator that is not ONNX's."""
    typed = any(entry.name in _TYPED or entry.g.node or entry.graphs for entry in node.attribute)
    if node.domain not in STANDARD or typed or not onnx.defs.has(node.op_type, opset):
        return set(), set()
    schema = onnx.defs.get_schema(node.op_type, opset)
    allowed = {entry.type_param_str for entry in schema.type_constraints
               if "tensor(float16)" in entry.allowed_type_strs}
    return (_slots(node.input, schema.inputs, allowed), _slots(node.output, schema.outputs, allowed))


def _slots(names: Any, formal: Any, allowed: Set[str]) -> Set[int]:
    last = len(formal) - 1  # a variadic one stands last
    return {at for at, name in enumerate(names) if name and formal and formal[min(at, last)].type_str in allowed}


class _Casting:
    def __init__(self, model: onnx.ModelProto, keep: AbstractSet[str]) -> None:
        self.model, self.graph = model, model.graph
        seen = view(model)
        self.types = seen.types
        self.slots = [self._slots(node, seen.opset, keep) for node in self.graph.node]
        self.weights = {value.name: value for value in self.graph.initializer}
        self.is_half = {name for node, (_, outputs) in zip(self.graph.node, self.slots)
                        for at, name in enumerate(node.output) if at in outputs}
        self.made: Dict[str, str] = {}  # a tensor's name -> its version in the other precision
        self.nodes: List[onnx.NodeProto] = []

    def _slots(self, node: onnx.NodeProto, opset: int, keep: AbstractSet[str]) -> Tuple[Set[int], Set[int]]:
        """Those float32 inputs and outputs of the node that become half."""
        unknown = any(name and not self.types.get(name) for name in [*node.input, *node.output])
        if unknown or node.output[0] in keep:
            return set(), set()
        inputs, outputs = half_slots(node, opset)
        floats = {at for at, name in enumerate(node.output) if self.types.get(name) == FLOAT}
        if not floats or not floats <= outputs:
            return set(), set()
        return {at for at in inputs if self.types.get(node.input[at]) == FLOAT}, floats

    def done(self) -> onnx.ModelProto:
        for node, (inputs, outputs) in zip(self.graph.node, self.slots):
            for at, name in enumerate(node.input):
                if self.types.get(name) == FLOAT and node.op_type != "Cast":
                    node.input[at] = self._version(name, at in inputs)
            if outputs and node.op_type in ("Cast", "ConstantOfShape"):
                _make_half(node)
            self.nodes.append(node)
        self._restore_outputs()
        self._keep_used_weights()
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        del self.graph.value_info[:]  # they name the old types
        return self.model

    def _version(self, name: str, half: bool) -> str:
        """The name of tensor `name` in the precision that is wanted."""
        if half == (name in self.is_half):
            return name
        if name not in self.made:
            self.made[name] = other = f"{name}.{'half' if half else 'float'}"
            if name in self.weights:
                value = numpy_helper.to_array(self.weights[name])
                self.graph.initializer.append(numpy_helper.from_array(to_fp16(value), other))
            else:
                self.nodes.append(helper.make_node("Cast", [name], [other], name=f"Cast {other}",
                                                   to=HALF if half else FLOAT))
        return self.made[name]

    def _restore_outputs(self) -> None:
        for value in self.graph.output:
            if value.name in self.is_half:
                inner = f"{value.name}.inner"
                for node in self.nodes:
                    for names in (node.input, node.output):
                        for at, name in enumerate(names):
                            names[at] = inner if name == value.name else name
                self.nodes.append(helper.make_node("Cast", [inner], [value.name], name=f"Cast {value.name}", to=FLOAT))

    def _keep_used_weights(self) -> None:
        """A weight that is used only as half keeps its name; what nothing uses goes."""
        used = {name for node in self.nodes for name in node.input}
        for value in list(self.graph.initializer):
            if value.name not in used and value.name not in {output.name for output in self.graph.output}:
                self.graph.initializer.remove(value)
        left = {value.name for value in self.graph.initializer}
        names = {other: name for name, other in self.made.items() if other in left and name not in left}
        for value in self.graph.initializer:
            value.name = names.get(value.name, value.name)
        for node in self.nodes:
            for at, name in enumerate(node.input):
                node.input[at] = names.get(name, name)


def to_fp16(value: np.ndarray) -> np.ndarray:
    """Rounded to the nearest; what is too large becomes infinite, as on a device."""
    with np.errstate(over="ignore"):
        return value.astype(np.float16)


def _make_half(node: onnx.NodeProto) -> None:
    """A node that names the type it makes."""
    if not node.attribute:  # ConstantOfShape: zero
        node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.zeros(1, np.float32))))
    for entry in node.attribute:
        if entry.name == "to":
            entry.i = HALF
        elif entry.name == "value":
            entry.t.CopyFrom(numpy_helper.from_array(to_fp16(numpy_helper.to_array(entry.t))))


def emulated(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph with FP16 as a device calculates it, for ONNX Runtime on a CPU.

    Every FP16 node gets float32 and gives back what it has rounded to FP16: the arithmetic within one node is exact, as
    where products are summed in FP32. A device that sums in FP16 rounds more.
    """
    model = deepcopy(model)
    types = view(model).types
    nodes: List[onnx.NodeProto] = []
    up: Dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type == "Cast" or not any(types.get(name) == HALF for name in node.output):
            nodes.append(node)
            continue
        for at, name in enumerate(node.input):
            if types.get(name) == HALF:
                if name not in up:
                    up[name] = f"{name}.up"
                    nodes.append(helper.make_node("Cast", [name], [up[name]], to=FLOAT))
                node.input[at] = up[name]
        nodes.append(node)
        for at, name in enumerate(node.output):
            if types.get(name) == HALF:
                node.output[at] = f"{name}.exact"
                nodes.append(helper.make_node("Cast", [node.output[at]], [name], to=HALF))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    return model
