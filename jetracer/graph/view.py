"""An ONNX graph to look at: nodes with names, where each value comes from and goes to, its shape, type and size.

Needs the onnx package, which a car does not have.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple, Union

import numpy as np

from jetracer.core.errors import ModelCorrupt, ModelError, ModelNotFound
from jetracer.engine.onnx_file import check_file, first_line

Shape = Optional[Tuple[Optional[int], ...]]  # None: unknown rank; None within: a side that is not fixed

try:
    import onnx
    from onnx import TensorProto, numpy_helper
except ImportError as missing:  # the one module that wraps it
    raise ModelError("Looking into a model needs the onnx package; run: pip install onnx") from missing

STANDARD = ("", "ai.onnx")
BITS = {TensorProto.DOUBLE: 64, TensorProto.INT64: 64, TensorProto.UINT64: 64, TensorProto.FLOAT: 32,
        TensorProto.INT32: 32, TensorProto.UINT32: 32, TensorProto.FLOAT16: 16, TensorProto.BFLOAT16: 16,
        TensorProto.INT16: 16, TensorProto.UINT16: 16, TensorProto.INT4: 4, TensorProto.UINT4: 4}  # others 8
_SMALL = 4096  # bytes; no list of sizes is longer


@dataclass(frozen=True)
class Node:
    """One node. `label` is its name, or where it has none, what it is known by; `within` the If or Loop it is in.

    `index` is its place in its own graph, `top` that of the outermost node around it in the model's graph.
    """

    index: int
    proto: Any
    label: str
    within: str = ""
    top: int = -1

    @property
    def op(self) -> str:
        return self.proto.op_type

    @property
    def inputs(self) -> List[str]:
        return list(self.proto.input)

    @property
    def outputs(self) -> List[str]:
        return list(self.proto.output)

    @property
    def domain(self) -> str:
        return self.proto.domain

    @property
    def standard(self) -> bool:
        return self.domain in STANDARD

    def attribute(self, name: str, default: Any = None) -> Any:
        """Its value, bytes as text; `default` where it is not set."""
        for entry in self.proto.attribute:
            if entry.name == name:
                value = onnx.helper.get_attribute_value(entry)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def bodies(self) -> Iterator[Any]:
        """The graphs inside: branches of an If, the body of a Loop."""
        for entry in self.proto.attribute:
            if entry.type == onnx.AttributeProto.GRAPH:
                yield entry.g
            yield from entry.graphs

    def reads(self) -> Set[str]:
        """All values from outside, those that only its bodies use included."""
        return {name for name in self.inputs if name}.union(*(captured(body) for body in self.bodies()))


@dataclass
class Graph:
    """`nodes` holds those of bodies too, after the node they are in; `top` only the graph's own."""

    model: Any
    top: List[Node] = field(default_factory=list)
    nodes: List[Node] = field(default_factory=list)
    constants: Dict[str, Any] = field(default_factory=dict)  # TensorProto by name
    types: Dict[str, int] = field(default_factory=dict)  # TensorProto.DataType by name
    shapes: Dict[str, Shape] = field(default_factory=dict)
    readers: Dict[str, List[Node]] = field(default_factory=dict)
    makers: Dict[str, Node] = field(default_factory=dict)
    once: Optional[Set[str]] = None  # kept by graph/fold.py

    @property
    def opset(self) -> int:
        return next((entry.version for entry in self.model.opset_import if entry.domain in STANDARD), 1)

    @property
    def inputs(self) -> List[Any]:
        """Declared inputs that are no constants: before IR 4 those had to be declared too."""
        return [entry for entry in self.model.graph.input if entry.name not in self.constants]

    @property
    def outputs(self) -> List[Any]:
        return list(self.model.graph.output)

    @property
    def metadata(self) -> Dict[str, str]:
        return {entry.key: entry.value for entry in self.model.metadata_props}

    def constant(self, name: str) -> Optional[np.ndarray]:
        """The value where it is one that the file holds, else None."""
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None

    def fixed(self, name: str) -> bool:
        """An empty name is an input left out, and as fixed as can be."""
        return not name or name in self.constants

    def sized(self, name: str) -> bool:
        """Whether the value's shape is known, every side of it."""
        shape = self.shapes.get(name)
        return shape is not None and None not in shape

    def shape(self, name: str) -> Tuple[int, ...]:
        """Raises ModelError where it is not known."""
        if not self.sized(name):
            raise ModelError(f"The size of {name!r} depends on the picture, so what it costs cannot be counted; "
                             "export the model with fixed sizes.")
        return self.shapes[name]

    def size(self, name: str) -> int:
        """How many numbers; 0 where that is not known."""
        return prod(self.shapes[name]) if self.sized(name) else 0

    def bytes(self, name: str) -> int:
        return (self.size(name) * BITS.get(self.types.get(name, 0), 8) + 7) // 8


def captured(body: Any) -> Set[str]:
    """What a graph inside a node reads of the graphs around it."""
    own = {entry.name for entry in (*body.input, *body.initializer)}
    read = {entry.name for entry in body.output}
    for node in body.node:
        inner = Node(0, node, "")
        read |= inner.reads()
        own |= set(inner.outputs)
    return read - own - {""}


def walk(proto: Any) -> Iterator[Any]:
    """All nodes of a graph and of those inside its nodes, each before what is inside it; NodeProtos."""
    for node in proto.node:
        yield node
        for body in Node(0, node, "").bodies():
            yield from walk(body)


def load_model(path: Union[str, Path]) -> Any:
    """The file's ModelProto. Raises ModelNotFound or ModelCorrupt in one sentence with the next step."""
    path = Path(path)
    check_file(path)
    try:
        model = onnx.load(str(path), load_external_data=False)
        for name in sorted(_files(model)):
            if not (path.parent / name).is_file():
                raise ModelNotFound(f"{path} keeps its weights in another file, which is missing ({name}); "
                                    "copy it too, or export with external_data=False.")
        onnx.load_external_data_for_model(model, str(path.parent))
    except ModelNotFound:
        raise
    except Exception as error:  # onnx passes on whatever protobuf raises, which differs by version
        raise ModelCorrupt(f"{path} is no ONNX model ({first_line(error)}); export it again.") from error
    if not model.graph.node:
        raise ModelCorrupt(f"{path} is no ONNX model, or one without a node; export it again.")
    return model


def tensor_of(node: Node) -> Any:
    """What a Constant node holds, as a TensorProto; None for other nodes, and for texts and sparse values."""
    if node.op != "Constant" or not node.standard:
        return None
    for name, kind in (("value_int", np.int64), ("value_ints", np.int64), ("value_float", np.float32),
                       ("value_floats", np.float32)):
        value = node.attribute(name)
        if value is not None:
            return numpy_helper.from_array(np.array(value, kind), node.outputs[0])
    return node.attribute("value")


def _files(model: Any) -> Set[str]:
    """Names of other files that weights are in."""
    return {entry.value for tensor in model.graph.initializer for entry in tensor.external_data
            if entry.key == "location"}


def view(model: Any) -> Graph:
    """Look at a ModelProto. What the model itself does not say about shapes and types is worked out."""
    try:
        known = onnx.shape_inference.infer_shapes(_without_weights(model), data_prop=True)
    except Exception:  # an invalid graph; what is wrong with it is for the rules to say
        known = model
    graph = Graph(model)
    _declare(graph, known.graph)
    _collect(graph, model.graph, "")
    return graph


def _without_weights(model: Any) -> Any:
    """A copy whose large constants are empty: their sizes are enough to work out others."""
    light = onnx.ModelProto()
    light.CopyFrom(model)
    for tensor in light.graph.initializer:
        if len(tensor.raw_data) > _SMALL:
            tensor.ClearField("raw_data")
    return light


def _declare(graph: Graph, proto: Any) -> None:
    for tensor in proto.initializer:
        graph.types[tensor.name], graph.shapes[tensor.name] = tensor.data_type, tuple(tensor.dims)
    for entry in (*proto.input, *proto.value_info, *proto.output):
        tensor = entry.type.tensor_type
        if tensor.elem_type:
            graph.types[entry.name] = tensor.elem_type
            graph.shapes.setdefault(entry.name, shape_of(entry))
    for node in proto.node:
        for body in Node(0, node, "").bodies():
            _declare(graph, body)


def _collect(graph: Graph, proto: Any, within: str, top: int = -1) -> None:
    for tensor in proto.initializer:
        graph.constants.setdefault(tensor.name, tensor)
    for index, entry in enumerate(proto.node):
        first = next((name for name in entry.output if name), str(index))
        node = Node(index, entry, entry.name or f"{entry.op_type}:{first}", within, top if within else index)
        graph.nodes.append(node)
        if not within:
            graph.top.append(node)
        tensor = tensor_of(node)
        if tensor is not None:
            graph.constants[entry.output[0]] = tensor
        for name in node.reads() if not within else set(node.inputs):
            graph.readers.setdefault(name, []).append(node)
        for name in filter(None, entry.output):
            graph.makers.setdefault(name, node)
        for body in node.bodies():
            _collect(graph, body, node.label, node.top)


def shape_of(entry: Any) -> Shape:
    """Of a ValueInfoProto; a side with a name, or none, is None."""
    tensor = entry.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None
                 for side in tensor.shape.dim)
