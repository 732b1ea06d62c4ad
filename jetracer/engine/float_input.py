"""An ONNX model that takes float32 where it took bytes: TensorRT before 8.5 knows no UINT8.

One byte of the file changes, the type of the input in its declaration. The `Cast` to float32 that follows then does
nothing, so the answers are the same. No onnx package is needed, which the original Nano does not have.
Source: protobuf's wire format; onnx.proto3 (ModelProto.graph 7, GraphProto.input 11, ValueInfoProto.type 2,
TypeProto.tensor_type 1, Tensor.elem_type 1).
"""
from __future__ import annotations

from typing import Iterator, Tuple

from jetracer.core.errors import ModelCorrupt, ModelError

_UINT8, _FLOAT = 2, 1  # TensorProto.DataType
_TO_TYPE = (7, 11, 2, 1, 1)


def with_float_input(model: bytes) -> bytes:
    """`model` with a float32 input. Raises ModelError when it does not take bytes, ModelCorrupt."""
    try:
        places = [start for start, _ in _find(model, 0, len(model), _TO_TYPE)]
    except IndexError:
        raise ModelCorrupt("The model is cut off or damaged; export it again.") from None
    if not places or any(model[place] != _UINT8 for place in places):
        raise ModelError("The model does not take bytes; export it again.")
    changed = bytearray(model)
    for place in places:
        changed[place] = _FLOAT
    return bytes(changed)


def _find(data: bytes, start: int, end: int, path: Tuple[int, ...]) -> Iterator[Tuple[int, int]]:
    """Where the fields at the end of a path of field numbers lie: (first byte, byte after the last)."""
    for number, first, after in _fields(data, start, end):
        if number == path[0]:
            if len(path) == 1:
                yield first, after
            else:
                yield from _find(data, first, after, path[1:])


def _fields(data: bytes, place: int, end: int) -> Iterator[Tuple[int, int, int]]:
    """(number, first byte, byte after the last) of the fields of a message."""
    while place < end:
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            after = _varint(data, place)[1]
        elif kind == 2:
            length, place = _varint(data, place)
            after = place + length
        elif kind in (1, 5):
            after = place + (8 if kind == 1 else 4)
        else:
            raise IndexError(kind)
        if after > end:
            raise IndexError(after)
        yield key >> 3, place, after
        place = after


def _varint(data: bytes, place: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
