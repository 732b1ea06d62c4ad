"""The record of parity of an ONNX file that drives in place of its parent: one in FP16 or INT8.

It is the last entry of the file's metadata, written after all others, and holds the SHA-256 of the file before it and
of itself: so any flipped bit is found, and whatever changes the file afterwards voids it. Needs no onnx package.
Source: onnx.proto3 (ModelProto.metadata_props 14, StringStringEntryProto.key 1, value 2).
"""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

from jetracer.core.config import write_bytes
from jetracer.core.errors import ModelCorrupt, ModelNotFound
from jetracer.engine import protobuf
from jetracer.engine.card import ModelCard

PARITY_KEY = "jetracer.parity"
_METADATA, _KEY, _VALUE = 14, 1, 2
_QUANTISED = (b"uantizeLinear", b"ConvInteger", b"MatMulInteger", b"QLinear")  # operators; QuantizeLinear and De-


def write_proof(path: Path, record: Mapping[str, Any]) -> None:
    """Put a record (`Parity.record`) at the end of an ONNX file, in place of an older one; all or nothing.

    `model_sha256` and `sha256` of the record are set here. Raises ModelNotFound, ModelCorrupt or ConfigError.
    """
    model, _old = parted(_bytes(path))
    content = {**record, "model_sha256": hashlib.sha256(model).hexdigest()}
    content["sha256"] = _sum(content)
    write_bytes(path, model + _entry(content))


def why_not(path: Path, card: ModelCard) -> str:
    """Why an ONNX file must not drive; empty when it may. One in FP32 may: it is what others are compared with.

    Closed for all others unless a record, of this very file and undamaged, says that it agrees with its parent.
    Raises ModelNotFound.
    """
    data = _bytes(path)
    quantised = any(name in data for name in _QUANTISED)
    if card.precision == "fp32" and not quantised and PARITY_KEY.encode() not in data:
        return ""
    try:
        model, record = parted(data)
    except ModelCorrupt as error:
        return str(error)
    if not record:
        return "it was never compared with its parent in FP32, or was changed after that"
    if record.get("sha256") != _sum(record) or record.get("model_sha256") != hashlib.sha256(model).hexdigest():
        return "it is damaged, or was changed after it was compared with its parent"
    if record.get("passed") is not True:
        return f"it does not agree with its parent ({'; '.join(record.get('why', ()))})"
    return ""


def parted(data: bytes) -> Tuple[bytes, Dict[str, Any]]:
    """(the file without its record, the record); the record is empty where the file does not end in a readable one.

    Raises ModelCorrupt.
    """
    parts = list(protobuf.fields(data))
    last = parts[-1] if parts else protobuf.Field(0, 0, 0, 0)
    if last.number != _METADATA or protobuf.texts(data, _KEY, last.first, last.after) != (PARITY_KEY,):
        return data, {}
    try:
        record = json.loads("".join(protobuf.texts(data, _VALUE, last.first, last.after)))
    except json.JSONDecodeError:
        record = None
    whole = isinstance(record, dict) and data[last.start:] == _entry(record)  # to the last bit, not only in meaning
    return data[:last.start], record if whole else {}


def _entry(record: Mapping[str, Any]) -> bytes:
    pair = protobuf.record(_KEY, PARITY_KEY.encode()) + protobuf.record(_VALUE, _text(record).encode())
    return protobuf.record(_METADATA, pair)


def _sum(record: Mapping[str, Any]) -> str:
    """Of all of a record but this sum itself."""
    return hashlib.sha256(_text({key: value for key, value in record.items() if key != "sha256"}).encode()).hexdigest()


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"The model {path} cannot be read ({error.strerror}).") from error
