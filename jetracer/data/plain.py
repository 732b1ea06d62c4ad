"""Dataclasses as plain values for JSON and back, by their annotations.

A field that is added to a type is recorded from then on, without a word here.
"""
from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union, get_type_hints

_JSON_TYPES = {str: "string", bool: "boolean", int: "integer"}


def plain(value: Any) -> Any:
    """Dictionaries, lists, texts and numbers. Numbers that JSON lacks stay; see `finite`."""
    names = _names(type(value))
    if names is not None:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def finite(value: Any) -> Any:
    """The same with NaN and infinities as the texts "NaN", "Infinity", "-Infinity", as protobuf's JSON has them."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def read_as(kind: Any, value: Any) -> Any:
    """`value`, which was `plain`, as `kind` again. Unknown fields are left out, missing ones take their default."""
    return _reader(kind)(value)


def json_schema(kind: Any) -> Dict[str, Any]:
    """The JSON schema of what `plain` makes of `kind`."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return {"type": "object", "properties": {name: json_schema(hints[name]) for name in hints}}
    origin, arguments = _parts(kind)
    if origin is Union:
        return json_schema(_but_none(arguments))
    if origin is tuple:
        return {"type": "array", "items": json_schema(arguments[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": json_schema(arguments[1])}
    return {"type": _JSON_TYPES.get(kind, "number")}


@lru_cache(maxsize=None)
def _names(kind: type) -> Optional[Tuple[str, ...]]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None


@lru_cache(maxsize=None)
def _reader(kind: Any) -> Callable[[Any], Any]:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        readers = {name: _reader(hints[name]) for name in _names(kind)}
        return lambda values: kind(**{name: read(values[name]) for name, read in readers.items() if name in values})
    origin, arguments = _parts(kind)
    if origin is Union:
        read_one = _reader(_but_none(arguments))
        return lambda value: None if value is None else read_one(value)
    if origin is tuple:
        read_item = _reader(arguments[0])
        return lambda values: tuple(map(read_item, values))
    if origin is not None:
        read_value = _reader(arguments[1])
        return lambda values: {key: read_value(value) for key, value in values.items()}
    return kind


def _parts(kind: Any) -> Tuple[Any, Tuple[Any, ...]]:
    """Optional[X], Tuple[X, ...] or Mapping[str, X] as what it is and what it is of."""
    return getattr(kind, "__origin__", None), getattr(kind, "__args__", ())


def _but_none(arguments: Tuple[Any, ...]) -> Any:
    return next(option for option in arguments if option is not type(None))
