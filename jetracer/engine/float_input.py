"""An ONNX model that takes float32 where it took bytes: TensorRT before 8.5 knows no UINT8.

One byte of the file changes, the type of the input in its declaration. The `Cast` to float32 that follows then does
nothing, so the answers are the same. No onnx package is needed, which the original Nano does not have.
Source: onnx.proto3 (ModelProto.graph 7, GraphProto.input 11, ValueInfoProto.type 2, TypeProto.tensor_type 1,
Tensor.elem_type 1).
"""
from __future__ import annotations

from jetracer.core.errors import ModelError
from jetracer.engine.protobuf import find

_UINT8, _FLOAT = 2, 1  # TensorProto.DataType
_TO_TYPE = (7, 11, 2, 1, 1)


def with_float_input(model: bytes) -> bytes:
    """`model` with a float32 input. Raises ModelError when it does not take bytes, ModelCorrupt."""
    places = [start for start, _ in find(model, _TO_TYPE)]
    if not places or any(model[place] != _UINT8 for place in places):
        raise ModelError("The model does not take bytes; export it again.")
    changed = bytearray(model)
    for place in places:
        changed[place] = _FLOAT
    return bytes(changed)
