"""Rewrites that are mechanical: the answers stay what they were, which graph/prove.py shows for each file.

Each takes a ModelProto, changes it in place and says whether it changed anything.
"""
from __future__ import annotations

from inspect import signature
from typing import Any, Callable, Dict, Set

import numpy as np
import onnx
from onnx import TensorProto, defs, helper, inliner, numpy_helper, version_converter

from jetracer.graph.fold import compute, drop_sets, fold, foldable
from jetracer.graph.lower import lower
from jetracer.graph.operators import NEWEST_IR, VERSIONS, taken
from jetracer.graph.view import STANDARD, Graph, Node, view

# onnx 1.19 and later; the newest for Python 3.8 is 1.17
WRITES_OUT = "inline_schema_functions" in signature(inliner.inline_selected_functions).parameters

# they move bytes about and do not calculate with them
_LAYOUT = ("Transpose", "Reshape", "Slice", "Gather", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Split", "Concat",
           "Expand", "Tile")
_NO_REGION = "no_region"
OPSET, IR = 13, 8  # what TensorRT 8.2 reads, and the IR version of that time


def can(fix: str, graph: Graph, node: Node) -> bool:
    """Whether the fix can be done to this node."""
    if fix == "fold":
        known = foldable(graph)
        return all(graph.fixed(name) or name in known for name in node.inputs[1:])
    if fix == "branch":
        return node.op == "If" and (graph.fixed(node.inputs[0]) or node.inputs[0] in foldable(graph))
    if fix == "signed":
        return _offset(graph, node)
    if fix == "cast-first":
        return bool(_bytes_region(graph))
    if fix == "bias":
        return graph.fixed(node.inputs[0])
    return True


def expandable(graph: Graph, node: Node) -> bool:
    """Whether ONNX itself says how to write the operator with others, and this version of it does."""
    if not WRITES_OUT or not defs.has(node.op, max_inclusive_version=graph.opset, domain=""):
        return False
    schema = defs.get_schema(node.op, max_inclusive_version=graph.opset, domain="")
    return schema.has_function or schema.has_context_dependent_function


def upsample(model: Any) -> bool:
    """Upsample -> Resize with the same pixels: output pixel i is input pixel i / scale, as ONNX defines Upsample."""
    found = [node for node in model.graph.node if node.op_type == "Upsample" and len(node.input) == 2]
    for node in found:
        mode = Node(0, node, "").attribute("mode", "nearest")
        picture, scales = node.input
        node.op_type = "Resize"
        del node.input[:], node.attribute[:]
        node.input.extend([picture, _NO_REGION, scales])
        for key, value in (("mode", mode), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")):
            node.attribute.append(helper.make_attribute(key, value))
    if found:  # opset 11 wants a region, even where none is meant
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(0, np.float32), _NO_REGION))
    return bool(found)


def batch(model: Any) -> bool:
    """A batch of any size -> a batch of 1."""
    changed = False
    for entry in (*model.graph.input, *model.graph.output):
        sides = entry.type.tensor_type.shape.dim
        if sides and not sides[0].dim_value:
            sides[0].dim_value = 1
            changed = True
    if changed:
        del model.graph.value_info[:]
    return changed


def strip(model: Any) -> bool:
    """Leave out operator sets that no node is of, and a newer IR version than the opset needs."""
    newest = next((entry.version for entry in model.opset_import if entry.domain in STANDARD), OPSET)
    was = model.ir_version
    model.ir_version = min(was, IR if newest <= 17 and not model.functions else NEWEST_IR)
    return drop_sets(model) or was > IR


def opset(model: Any) -> bool:
    """To opset 13: down where all that it uses was there already, up by ONNX's own converter. False where it cannot."""
    now = view(model).opset
    changed = lower(model, OPSET) if now > OPSET else now < OPSET and _raise(model)
    if changed:
        model.ir_version = min(model.ir_version, IR)
    return changed


def _raise(model: Any) -> bool:
    try:
        converted = version_converter.convert_version(model, OPSET)
    except Exception:  # the converter passes on what its C++ throws
        return False
    props = {entry.key: entry.value for entry in model.metadata_props}
    model.CopyFrom(converted)
    helper.set_model_props(model, props)
    return True


def bias(model: Any) -> bool:
    """DequantizeLinear of an INT32 constant -> the float constant that it gives."""
    graph = view(model)
    found = [node for node in graph.top if node.op == "DequantizeLinear" and node.standard
             and graph.types.get(node.inputs[0]) == TensorProto.INT32 and all(map(graph.fixed, node.inputs))]
    for name, value in compute(graph, found, [node.outputs[0] for node in found]).items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    for node in reversed(found):
        del model.graph.node[node.index]
    return bool(found)


def _offset(graph: Graph, node: Node) -> bool:
    """Bytes about 128 are the same numbers as signed ones about 0."""
    point = graph.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    return point is not None and point.dtype == np.uint8 and bool((point == 128).all())


def signed(model: Any) -> bool:
    """UINT8 about 128 -> INT8 about 0. Only when every quantiser of the model is like that."""
    graph = view(model)
    pairs = [node for node in graph.top if node.op in ("QuantizeLinear", "DequantizeLinear") and node.standard]
    bytes_only = [node for node in pairs if graph.types.get("".join(node.inputs[2:3])) == TensorProto.UINT8]
    if not bytes_only or not all(_offset(graph, node) for node in bytes_only):
        return False
    for node in bytes_only:
        _replace(model, graph, node, 2, graph.constant(node.inputs[2]).astype(np.int16) - 128)
        value = graph.constant(node.inputs[0])
        if node.op == "DequantizeLinear" and value is not None and value.dtype == np.uint8:
            _replace(model, graph, node, 0, value.astype(np.int16) - 128)
    del model.graph.value_info[:]
    return True


def _replace(model: Any, graph: Graph, node: Node, place: int, value: np.ndarray) -> None:
    name = f"{node.inputs[place]}/signed"
    if name not in {tensor.name for tensor in model.graph.initializer}:
        model.graph.initializer.append(numpy_helper.from_array(value.astype(np.int8), name))
    node.proto.input[place] = name


def _bytes_region(graph: Graph) -> Set[str]:
    """All values in bytes from the inputs on, where nothing but moving them about happens; empty when more does."""
    values = {entry.name for entry in graph.inputs if graph.types.get(entry.name) == TensorProto.UINT8}
    for node in graph.top:
        if values & set(node.inputs) and node.op in _LAYOUT:
            values |= set(node.outputs)
        elif values & node.reads() and node.op != "Cast":
            return set()
    return set() if values & {entry.name for entry in graph.outputs} else values


def cast_first(model: Any) -> bool:
    """A Cast to float32 right behind the input, instead of behind what moves its bytes about."""
    graph = view(model)
    region = _bytes_region(graph)
    inputs = [entry.name for entry in graph.inputs if entry.name in region]
    if not any(node.op != "Cast" for name in inputs for node in graph.readers.get(name, [])):
        return False
    for name in inputs:
        for node in graph.readers[name]:
            for place, given in enumerate(node.inputs):
                if given == name:
                    node.proto.input[place] = f"{name}/float"
        model.graph.node.insert(0, helper.make_node("Cast", [name], [f"{name}/float"], f"{name}/Cast",
                                                    to=TensorProto.FLOAT))
    del model.graph.value_info[:]
    return True


def to_float(model: Any) -> bool:
    """DOUBLE -> float32: constants, inputs, outputs and Casts. The answers keep a float32's digits, as in TensorRT."""
    changed = False
    tensors = [*model.graph.initializer]
    for node in view(model).nodes:
        for entry in node.proto.attribute:
            if entry.name in ("to", "dtype") and entry.i == TensorProto.DOUBLE:
                entry.i, changed = TensorProto.FLOAT, True
            if entry.type == onnx.AttributeProto.TENSOR:
                tensors.append(entry.t)
    for tensor in tensors:
        if tensor.data_type == TensorProto.DOUBLE:
            value = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
            changed = True
    for entry in (*model.graph.input, *model.graph.output):
        if entry.type.tensor_type.elem_type == TensorProto.DOUBLE:
            entry.type.tensor_type.elem_type, changed = TensorProto.FLOAT, True
    if changed:
        del model.graph.value_info[:]
    return changed


def branch(model: Any) -> bool:
    """An If whose condition never changes -> the branch that is always taken."""
    fold(model)
    graph = view(model)
    found = next((node for node in graph.top if node.op == "If" and graph.constant(node.inputs[0]) is not None), None)
    if found is None:
        return False
    taken = found.attribute("then_branch" if bool(graph.constant(found.inputs[0]).reshape(-1)[0]) else "else_branch")
    ends = [helper.make_node("Identity", [inner.name], [outer])
            for inner, outer in zip(taken.output, found.outputs)]
    model.graph.initializer.extend(taken.initializer)
    del model.graph.node[found.index]
    for node in reversed([*taken.node, *ends]):
        model.graph.node.insert(found.index, node)
    branch(model)
    return True


def inline(model: Any) -> bool:
    """Functions of the model and operators of our own -> the nodes that they stand for."""
    if not model.functions:
        return False
    model.CopyFrom(inliner.inline_local_functions(model))
    fold(model)
    return True


def expand(model: Any) -> bool:
    """Operators that ONNX itself defines by others, and that some TensorRT lacks -> those others."""
    graph = view(model)
    names = sorted({node.op for node in graph.nodes if node.standard and expandable(graph, node)
                    and not all(taken(node.op, one) for one in VERSIONS)})
    if not names:
        return False
    typed = onnx.shape_inference.infer_shapes(model)  # how they are written out depends on types
    known = {entry.name for entry in (*typed.graph.value_info, *typed.graph.input)}
    typed.graph.value_info.extend(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
                                  for tensor in model.graph.initializer if tensor.name not in known)
    model.CopyFrom(inliner.inline_selected_functions(typed, [("", name) for name in names],
                                                     inline_schema_functions=True))
    return True


# In this order: what is written out comes before what lowers the opset, and folding before what reads constants.
FIXES: Dict[str, Callable[[Any], bool]] = {
    "batch": batch, "inline": inline, "expand": expand, "upsample": upsample, "fold": fold, "branch": branch,
    "cast-first": cast_first, "float": to_float, "bias": bias, "signed": signed, "opset": opset, "strip": strip,
}
