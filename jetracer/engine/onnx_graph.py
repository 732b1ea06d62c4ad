"""An ONNX graph by its bytes: its nodes, and the same model with more outputs, or only its end.

Needs no onnx package, which a car may lack.
Source: onnx.proto3 (ModelProto.graph 7; GraphProto.node 1, initializer 5, input 11, output 12; NodeProto.input 1,
output 2, name 3, op_type 4; ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; Tensor.elem_type 1, shape 2; dim 1,
dim_value 1; TensorProto.data_type 2, float_data 4, int32_data 5, name 8, raw_data 9).
"""
from __future__ import annotations

from typing import Collection, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

import numpy as np

from jetracer.engine import protobuf
from jetracer.engine.protobuf import record, texts, whole

_GRAPH, _NODE, _INITIALIZER, _INPUT, _OUTPUT = 7, 1, 5, 11, 12
_ELEMENTS = {"tensor(float)": 1, "tensor(uint8)": 2, "tensor(int8)": 3, "tensor(int32)": 6, "tensor(int64)": 7,
             "tensor(bool)": 9, "tensor(float16)": 10}
_DTYPES = {1: np.dtype(np.float32), 2: np.dtype(np.uint8), 3: np.dtype(np.int8), 4: np.dtype(np.uint16),
           5: np.dtype(np.int16), 6: np.dtype(np.int32), 10: np.dtype(np.float16)}


class Port(NamedTuple):
    """A tensor's name and, once ONNX Runtime told them, its type, such as tensor(float), and its shape."""

    name: str
    type: str = ""
    shape: Tuple[int, ...] = ()


class Node(NamedTuple):
    name: str
    op: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    content: bytes

    def __str__(self) -> str:
        return f"{self.op} {self.name!r}" if self.name else f"{self.op} that makes {self.outputs[0]!r}"


class Graph:
    """`nodes` are in the order of the file, in which each comes after those that it needs. Raises ModelCorrupt."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.nodes: List[Node] = []
        self.inputs: List[str] = []
        self.outputs: List[str] = []
        self._constants: Dict[str, Tuple[int, int]] = {}  # where they lie
        for first, after in protobuf.find(model, (_GRAPH,)):
            for field in protobuf.fields(model, first, after):
                self._read(field)

    def _read(self, field: protobuf.Field) -> None:
        place = (field.first, field.after)
        if field.number == _NODE:
            named = [texts(self.model, number, *place) for number in (3, 4, 1, 2)]
            self.nodes.append(Node("".join(named[0]), "".join(named[1]), named[2], named[3],
                                   self.model[field.first:field.after]))
        elif field.number == _INITIALIZER:
            self._constants["".join(texts(self.model, 8, *place))] = place
        elif field.number in (_INPUT, _OUTPUT):
            (self.inputs if field.number == _INPUT else self.outputs).extend(texts(self.model, 1, *place))

    def constant(self, name: str) -> Optional[np.ndarray]:
        """An initializer's values; None where there is none of that name, or of a type that is not read here."""
        place = self._constants.get(name)
        return _values(self.model, *place) if place else None

    def moving(self, source: str) -> Set[str]:
        """All tensors that depend on the input `source`; the others are constants."""
        found = {source}
        for node in self.nodes:
            if found.intersection(node.inputs):
                found.update(node.outputs)
        return found

    def needed(self, outputs: Iterable[str]) -> Set[str]:
        """All tensors that `outputs` depend on, and themselves."""
        found = set(outputs)
        for node in reversed(self.nodes):
            if found.intersection(node.outputs):
                found.update(filter(None, node.inputs))
        return found

    def marked(self, ports: Iterable[Port]) -> bytes:
        """The model with these tensors as outputs too."""
        added = b"".join(record(_OUTPUT, _value(port)) for port in ports if port.name not in self.outputs)
        return self.model + record(_GRAPH, added)

    def tail(self, nodes: Collection[Node], inputs: Iterable[Port], outputs: Iterable[str]) -> bytes:
        """The model of these nodes alone, in its own order, with these inputs."""
        kept = [record(_NODE, node.content) for node in nodes]
        kept += [record(_INPUT, _value(port)) for port in inputs]
        kept += [record(_OUTPUT, _value(Port(name))) for name in outputs]
        rest, graph = self._without((_NODE, _INPUT, _OUTPUT))
        return rest + record(_GRAPH, graph + b"".join(kept))

    def _without(self, numbers: Collection[int]) -> Tuple[bytes, bytes]:
        """(the model without its graph, the graph without those fields)."""
        rest, graph = [], []
        for field in protobuf.fields(self.model):
            if field.number != _GRAPH:
                rest.append(self.model[field.start:field.after])
                continue
            parts = protobuf.fields(self.model, field.first, field.after)
            graph += [self.model[part.start:part.after] for part in parts if part.number not in numbers]
        return b"".join(rest), b"".join(graph)


def _values(model: bytes, start: int, end: int) -> Optional[np.ndarray]:
    """A TensorProto's, flat. Small ones may lie in a list of their type instead of as bytes."""
    found = {field.number: field for field in protobuf.fields(model, start, end)}
    kind = _DTYPES.get(protobuf.number(model, found[2])) if 2 in found else None
    if kind is None:
        return None
    plain = found.get(9) or (found.get(4) if kind == np.float32 else None)
    if plain is not None:
        return np.frombuffer(model, kind, (plain.after - plain.first) // kind.itemsize, plain.first)
    if 5 in found:
        return np.array(protobuf.numbers(model, found[5]), np.int64).astype(kind)
    return None


def _value(port: Port) -> bytes:
    """A ValueInfoProto; without a type ONNX Runtime finds it out, TensorRT does not."""
    name = record(1, port.name.encode())
    element: Optional[int] = _ELEMENTS.get(port.type)
    if element is None:
        return name
    shape = b"".join(record(1, whole(1, side)) for side in port.shape)
    return name + record(2, record(1, whole(1, element) + record(2, shape)))
