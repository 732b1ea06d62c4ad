"""ONNX files by their bytes: what can be read and changed in them without the onnx package, which a car may lack.

A protobuf message is a row of fields, each with a number. Messages joined end to end are one message: fields that
repeat are appended and messages within are merged. So what is to be added to a model is written after its end.
Source: protobuf's wire format, "Last One Wins" and "Length-Delimited Records".
"""
from __future__ import annotations

from typing import Iterator, NamedTuple, Tuple

from jetracer.core.errors import ModelCorrupt


class Field(NamedTuple):
    """A field of a message, by its places: `start` of all of it, `first` of its content, `after` its last byte."""

    number: int
    start: int
    first: int
    after: int


def fields(data: bytes, start: int = 0, end: int = -1) -> Iterator[Field]:
    """The fields of the message that lies from `start` to `end`. Raises ModelCorrupt."""
    end = len(data) if end < 0 else end
    try:
        while start < end:
            number, first, after = _field(data, start)
            if after > end:
                raise IndexError(after)
            yield Field(number, start, first, after)
            start = after
    except IndexError:
        raise ModelCorrupt("The model is cut off or damaged; export it again.") from None


def find(data: bytes, path: Tuple[int, ...], start: int = 0, end: int = -1) -> Iterator[Tuple[int, int]]:
    """Where the fields at the end of a path of field numbers lie: (first byte, byte after the last)."""
    for field in fields(data, start, end):
        if field.number == path[0]:
            if len(path) == 1:
                yield field.first, field.after
            else:
                yield from find(data, path[1:], field.first, field.after)


def texts(data: bytes, number: int, start: int = 0, end: int = -1) -> Tuple[str, ...]:
    """All texts of that field number, in order."""
    return tuple(data[first:after].decode("utf-8", "replace") for first, after in find(data, (number,), start, end))


def number(data: bytes, field: Field) -> int:
    """A field that is one whole number."""
    return _varint(data, field.first)[0]


def numbers(data: bytes, field: Field) -> Tuple[int, ...]:
    """A field of whole numbers, one after the other; negative ones are in 64 bits."""
    place, found = field.first, []
    while place < field.after:
        value, place = _varint(data, place)
        found.append(value - (1 << 64) if value >> 63 else value)
    return tuple(found)


def record(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return _as_varint(number << 3 | 2) + _as_varint(len(content)) + content


def whole(number: int, value: int) -> bytes:
    """A field of a whole number of 0 or more."""
    return _as_varint(number << 3) + _as_varint(value)


def _field(data: bytes, place: int) -> Tuple[int, int, int]:
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
    return key >> 3, place, after


def _varint(data: bytes, place: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
