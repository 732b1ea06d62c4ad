"""A model's graph with the shape of every tensor, its weights left on the disk.

    graph = read_graph(path)
    graph.nodes, graph.tensors["image"].shape

Shapes come from ONNX's own inference; of the operators that ONNX Runtime puts into a graph when it optimises it
(domains com.microsoft and com.microsoft.nchwc), from the operator of ONNX's that each stands for.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import onnx
from onnx import NodeProto, TensorProto, TypeProto, helper, numpy_helper

from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.engine.onnx_file import check_file

Shape = Tuple[int, ...]
SMALL = 1024  # values of a stored tensor that are kept: shapes, axes, scales
BITS = {TensorProto.DOUBLE: 64, TensorProto.INT64: 64, TensorProto.UINT64: 64, TensorProto.FLOAT: 32,
        TensorProto.INT32: 32, TensorProto.UINT32: 32, TensorProto.FLOAT16: 16, TensorProto.BFLOAT16: 16,
        TensorProto.INT16: 16, TensorProto.UINT16: 16, TensorProto.INT4: 4, TensorProto.UINT4: 4}  # others 8
FLOATS = (TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)


@dataclass(frozen=True)
class Tensor:
    """One array of the graph; `shape` is None where it depends on the picture."""

    shape: Optional[Shape]
    kind: int = TensorProto.FLOAT
    stored: bool = False  # in the file, not computed

    @property
    def size(self) -> int:
        return _product(self.shape or ())

    @property
    def bytes(self) -> int:
        return (self.size * BITS.get(self.kind, 8) + 7) // 8 if self.shape is not None else 0


@dataclass(frozen=True)
class Node:
    """One operator. `op` without domain; `attributes` as Python values, those that are graphs left out."""

    name: str
    op: str
    domain: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """Nodes in the order they run, and every tensor by its name."""

    nodes: Tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    metadata: Mapping[str, str]

    def shape(self, name: str) -> Shape:
        """Raises ModelError where it is not fixed."""
        found = self.tensors.get(name)
        if found is None or found.shape is None:
            raise ModelError(f"The size of {name!r} depends on the picture, so what it costs cannot be counted; "
                             "export the model with fixed sizes.")
        return found.shape

    def unknown(self) -> List[str]:
        """Nodes whose output has a size that depends on the picture, or that cannot be told."""
        lost = {name for name, tensor in self.tensors.items() if tensor.shape is None}
        return [node.name for node in self.nodes
                if any(name in lost or name not in self.tensors for name in node.outputs if name)]


def read_graph(path: Path) -> Graph:
    """Raises ModelNotFound, ModelCorrupt, or ModelError where an input's sides but the batch are not fixed."""
    check_file(Path(path))
    model = _load(path)
    _batch_of_one(model, path)
    types = _stored(model.graph)
    _without_weights(model.graph, types)
    types.update(_inferred(model))
    _fill_in(model, types)
    nodes = tuple(_node(node, number) for number, node in enumerate(model.graph.node))
    stored = {init.name for init in model.graph.initializer}
    stored |= {output for node in model.graph.node if node.op_type == "Constant" for output in node.output}
    stored |= {entry.name for entry in model.graph.input if entry.doc_string == _WEIGHT}
    tensors = {name: Tensor(_shape(kind), kind.tensor_type.elem_type, name in stored) for name, kind in types.items()}
    inputs = tuple(entry.name for entry in model.graph.input if entry.name not in stored)
    return Graph(nodes, tensors, inputs, tuple(entry.name for entry in model.graph.output),
                 {entry.key: entry.value for entry in model.metadata_props})


def batch_names(path: Path) -> List[str]:
    """What the first side of the inputs is called where it is not fixed. Raises ModelCorrupt."""
    graph = _load(path).graph
    first = [entry.type.tensor_type.shape.dim[0] for entry in graph.input if entry.type.tensor_type.shape.dim]
    return sorted({side.dim_param for side in first if side.dim_param})


def _load(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # onnx passes on whatever protobuf raises
        raise ModelCorrupt(f"{path} is not a readable ONNX model ({error}); export it again.") from error


def _batch_of_one(model: onnx.ModelProto, path: Path) -> None:
    stored = {init.name for init in model.graph.initializer}
    for entry in model.graph.input:
        if entry.name in stored:
            continue
        sides = entry.type.tensor_type.shape.dim
        for at, side in enumerate(sides):
            if side.HasField("dim_value") and side.dim_value > 0:
                continue
            if at:
                raise ModelError(f"Side {at} of the input {entry.name!r} of {path} is not fixed; export the model "
                                 "for the size of picture that it will see.")
            side.dim_value = 1
    for entry in model.graph.output:  # what was promised for another batch would contradict
        entry.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]


def _stored(graph: onnx.GraphProto) -> Dict[str, TypeProto]:
    return {init.name: helper.make_tensor_type_proto(init.data_type, list(init.dims)) for init in graph.initializer}


_WEIGHT = "weight of the file"  # marks an input that stands for a stored tensor whose values were dropped


def _without_weights(graph: onnx.GraphProto, types: Mapping[str, TypeProto]) -> None:
    """Large tensors become inputs: shape inference copies the model, and a weight's values say nothing of shapes."""
    kept = [init for init in graph.initializer if _product(tuple(init.dims)) <= SMALL]
    names = {init.name for init in kept}
    given = {entry.name for entry in graph.input}
    for init in graph.initializer:
        if init.name not in names and init.name not in given:
            entry = helper.make_value_info(init.name, types[init.name])
            entry.doc_string = _WEIGHT
            graph.input.append(entry)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _inferred(model: onnx.ModelProto) -> Dict[str, TypeProto]:
    found = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    entries = [*found.input, *found.value_info, *found.output]
    return {entry.name: entry.type for entry in entries if _known(entry.type)}


def _fill_in(model: onnx.ModelProto, types: Dict[str, TypeProto]) -> None:
    """What is behind operators that are not ONNX's own."""
    values = {init.name: init for init in model.graph.initializer}
    versions = {entry.domain: entry.version for entry in model.opset_import}
    for node in model.graph.node:
        if all(_known(types.get(name)) for name in node.output if name):
            continue
        for name, kind in _of_node(node, types, values, versions.get("", 13)).items():
            if kind is not None and _known(kind):
                types[name] = kind


def _of_node(node: NodeProto, types: Mapping[str, TypeProto], values: Mapping[str, TensorProto], opset: int
             ) -> Dict[str, Optional[TypeProto]]:
    first = types.get(node.input[0]) if node.input else None
    if first is None:
        return {}
    key = node.op_type if node.domain in ("", "com.microsoft") else f"nchwc.{node.op_type}"
    if key in _SAME:
        return {node.output[0]: first}
    if key in _SPECIAL:
        shape = _SPECIAL[key](node, [_shape(types.get(name)) for name in node.input])
        return {node.output[0]: helper.make_tensor_type_proto(first.tensor_type.elem_type, shape) if shape else None}
    stand_in = _stand_in(node, key)
    try:
        schema = onnx.defs.get_schema(stand_in.op_type, opset)
        known = {name: types[name] for name in stand_in.input if name in types}
        data = {name: values[name] for name in stand_in.input if name in values}
        return dict(onnx.shape_inference.infer_node_outputs(
            schema, stand_in, known, data, opset_imports=[helper.make_opsetid("", opset)]))
    except Exception:  # no such operator, or it does not say: the shape stays unknown, and whoever needs it says so
        return {}


# how ONNX Runtime's own operators are those of ONNX: the name there, and which inputs it has
_LIKE = {
    "FusedConv": ("Conv", 2), "nchwc.Conv": ("Conv", 2), "FusedGemm": ("Gemm", 2), "nchwc.MaxPool": ("MaxPool", 1),
    "nchwc.AveragePool": ("AveragePool", 1), "nchwc.GlobalAveragePool": ("GlobalAveragePool", 1),
    "nchwc.GlobalMaxPool": ("GlobalMaxPool", 1),
}
_KEPT = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides", "ceil_mode", "count_include_pad",
         "transA", "transB")
_SAME = {"Gelu", "FastGelu", "QuickGelu", "BiasGelu", "LayerNormalization", "SkipLayerNormalization",
         "SimplifiedLayerNormalization", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu"}


def _stand_in(node: NodeProto, key: str) -> NodeProto:
    if key not in _LIKE:
        return node
    op, inputs = _LIKE[key]
    made = helper.make_node(op, node.input[:inputs], node.output[:1], node.name)
    made.attribute.extend(entry for entry in node.attribute if entry.name in _KEPT)
    return made


def _reordered_in(node: NodeProto, shapes: List[Optional[Shape]]) -> Optional[Shape]:
    shape = shapes[0]
    if shape and attributes_of(node).get("channels_last"):
        return (shape[0], shape[3], *shape[1:3])
    return shape


def _reordered_out(node: NodeProto, shapes: List[Optional[Shape]]) -> Optional[Shape]:
    if not shapes[0]:
        return None
    found = attributes_of(node)
    channels = found.get("channels", shapes[0][1])
    sides = shapes[0][2:]
    return (shapes[0][0], *sides, channels) if found.get("channels_last") else (shapes[0][0], channels, *sides)


def _upsampled(node: NodeProto, shapes: List[Optional[Shape]]) -> Optional[Shape]:
    scales = attributes_of(node).get("scales")
    return tuple(side * scale for side, scale in zip(shapes[0], scales)) if shapes[0] and scales else None


def _matrix_product(node: NodeProto, shapes: List[Optional[Shape]]) -> Optional[Shape]:
    if not shapes[0] or not shapes[1]:
        return None
    left, right = (_turned(shape, attributes_of(node), side) for shape, side in zip(shapes[:2], "AB"))
    return (*max(left[:-2], right[:-2], key=lambda batch: (len(batch), batch)), left[-2], right[-1])


def _turned(shape: Shape, attributes: Mapping[str, Any], side: str) -> Shape:
    """(batch, rows, columns) of an operand of com.microsoft.FusedMatMul."""
    if attributes.get(f"transBatch{side}"):
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if attributes.get(f"trans{side}") else shape


_SPECIAL = {"nchwc.ReorderInput": _reordered_in, "nchwc.ReorderOutput": _reordered_out, "nchwc.Upsample": _upsampled,
            "FusedMatMul": _matrix_product}


def attributes_of(node: NodeProto) -> Dict[str, Any]:
    found = {}
    for entry in node.attribute:
        if entry.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            continue
        value = helper.get_attribute_value(entry)
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif isinstance(value, TensorProto):
            value = numpy_helper.to_array(value) if _product(tuple(value.dims)) <= SMALL else None
        elif entry.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
            value = tuple(value)
        found[entry.name] = value
    return found


def _node(node: NodeProto, number: int) -> Node:
    return Node(node.name or f"{node.op_type}_{number}", node.op_type, node.domain, tuple(node.input),
                tuple(node.output), attributes_of(node))


def _known(kind: Optional[TypeProto]) -> bool:
    return kind is not None and _shape(kind) is not None


def _shape(kind: Optional[TypeProto]) -> Optional[Shape]:
    if kind is None or not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    sides = kind.tensor_type.shape.dim
    return tuple(side.dim_value for side in sides) if all(side.HasField("dim_value") for side in sides) else None


def _product(sides: Shape) -> int:
    size = 1
    for side in sides:
        size *= side
    return size
