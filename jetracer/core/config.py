"""Configuration: frozen dataclasses, filled from a TOML file and the command line with the same keys.

    [camera]                      --camera.width 320
    width = 320

An unknown key is an error that names the nearest right one. `dump` writes what was used.
"""
from __future__ import annotations

import json
import os
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Tuple, TypeVar, Union, get_type_hints

from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown

T = TypeVar("T")


def load(base: T, path: Union[str, Path]) -> T:
    """`base` with the values of a TOML file. Raises ConfigError."""
    return merge(base, read(path))


def read(path: Union[str, Path]) -> Dict[str, Any]:
    """What a TOML file says, nested. Raises ConfigError."""
    try:
        return parse(Path(path).read_text(encoding="utf-8"), path)
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error


def parse(text: str, where: Union[str, Path]) -> Dict[str, Any]:
    """What TOML `text` says, nested; `where` is named in errors. Raises ConfigError."""
    if sys.version_info >= (3, 11):
        import tomllib  # novermin (guarded by the version)
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}.") from error


def merge(base: T, values: Mapping[str, Any], prefix: str = "") -> T:
    """`base`, a dataclass of dataclasses, with the nested `values` put in. Raises UnknownName or ConfigError."""
    types = get_type_hints(type(base))
    changed = {}
    for key, value in values.items():
        if key not in types:
            raise unknown("option", prefix + key, (prefix + name for name in types))
        current = getattr(base, key)
        if is_dataclass(current):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{prefix}{key} is a group of options; write {prefix}{key}.NAME = VALUE.")
            changed[key] = merge(current, value, f"{prefix}{key}.")
        else:
            changed[key] = _convert(value, types[key], prefix + key)
    try:
        return replace(base, **changed)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def override(base: T, arguments: List[str]) -> T:
    """`base` with `--group.key value` (or `--group.key=value`) arguments put in."""
    for key, value in _pairs(arguments):
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        base = merge(base, nested)
    return base


def dump(config: Any) -> str:
    """A configuration, or a nested mapping, as TOML; `load` and `read` read it back to an equal one."""
    return "\n".join(_lines(config, "")) + "\n"


def write_text(path: Union[str, Path], text: str) -> None:
    """As `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Union[str, Path], content: bytes) -> None:
    """Write a file whole or not at all, its folder too where it is missing. Raises ConfigError."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # else a power cut leaves the new name with nothing in it
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"Cannot write {path} ({error.strerror}); choose another place.") from error


def convert(kind: type, name: str, value: Any, prefix: str = "") -> Any:
    """`value` as the annotated type of the field `name` of the dataclass `kind`. Raises ConfigError."""
    return _convert(value, get_type_hints(kind)[name], prefix + name)


def _pairs(arguments: List[str]) -> List[Tuple[str, str]]:
    pairs, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise ConfigError(f"Do not know what to do with {word!r}; options look like --camera.width 320.")
        key, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise ConfigError(f"--{key} needs a value, such as --{key} 1.")
            value = rest.pop(0)
        pairs.append((key, value))
    return pairs


def _convert(value: Any, kind: Any, key: str) -> Any:
    """`value` (of TOML, or text of the command line) as the annotated type of the field."""
    options = getattr(kind, "__args__", ())
    if type(None) in options:  # Optional[X]
        if value is None or value in ("", "none"):
            return None
        kind = next(option for option in options if option is not type(None))
        options = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", None) is tuple:
        items = value.split(",") if isinstance(value, str) else value
        return tuple(_convert(item, options[0], key) for item in items)
    try:
        return _scalar(value, kind)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key} = {value!r} is not {_NAMES.get(kind, kind)}.") from error


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_WORDS: Dict[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _scalar(value: Any, kind: Any) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() in _WORDS:
            return _WORDS[str(value).lower()]
        raise ValueError(value)
    if isinstance(value, bool) or (kind is int and isinstance(value, float)):
        raise ValueError(value)
    return kind(value)


def _lines(config: Any, prefix: str) -> List[str]:
    plain, groups = [], []
    for name, value in _items(config):
        if isinstance(value, Mapping) or is_dataclass(value):
            lines = _lines(value, f"{prefix}{name}.")
            titled = lines[:1] != [""]  # a group of nothing but groups has no title of its own
            groups += ["", f"[{prefix}{name}]", *lines] if titled else lines
        elif value is not None:
            plain.append(f"{name} = {_toml(value)}")
    return plain + groups


def _items(config: Any) -> Iterable[Tuple[str, Any]]:
    if isinstance(config, Mapping):
        return config.items()
    return [(item.name, getattr(config, item.name)) for item in fields(config)]


def _toml(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)  # inf and nan are valid TOML too
    return json.dumps(value if isinstance(value, (bool, int, str)) else str(value), ensure_ascii=False)
