"""The engine file: TensorRT's plan with all that says whether it may run here.

    8 bytes   magic
    32 bytes  SHA-256 of all that follows: any flipped bit is found
    4 bytes   length of the header, little-endian
    header    JSON: an EngineHeader
    plan      what TensorRT built
"""
from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

from jetracer.core.config import write_bytes
from jetracer.core.errors import EngineRefused, ModelCorrupt, ModelNotFound
from jetracer.engine.card import ModelCard

MAGIC = b"JRengine"
FORMAT = 1
PLAN_MAGIC, PLAN_HEAD = b"ftrt", 28  # of TensorRT itself
_LENGTH = struct.Struct("<I")
_BODY = len(MAGIC) + hashlib.sha256().digest_size


@dataclass(frozen=True)
class EngineHeader:
    """What an engine was made of and for. `parity` is the record of its comparison with its model; see `may_drive`."""

    model: str  # the ONNX file it was built from
    model_sha256: str
    card: Mapping[str, Any]
    tensorrt: str  # 10.3.0
    gpu: str  # as CUDA names it
    capability: str  # 8.7
    precision: str
    flags: Tuple[str, ...]
    plan_sha256: str
    parity: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def key(self) -> str:
        """Equal for engines that can stand in for each other."""
        parts = (self.model_sha256, self.tensorrt, self.gpu, self.capability, self.precision, self.flags)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def rebuild(self) -> str:
        return f"jetracer build {self.model} --force"

    def model_card(self, where: str) -> ModelCard:
        return ModelCard.from_json(json.dumps(self.card), where)


def write_engine(path: Path, header: EngineHeader, plan: bytes) -> None:
    """The file, whole or not at all. Raises ConfigError when it cannot be written."""
    text = json.dumps(asdict(header), sort_keys=True).encode()
    body = _LENGTH.pack(len(text)) + text + plan
    write_bytes(path, MAGIC + hashlib.sha256(body).digest() + body)


def read_engine(path: Path) -> Tuple[EngineHeader, bytes]:
    """(header, plan). Raises ModelNotFound, ModelCorrupt, or EngineRefused for a plan without a header."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"The engine {path} cannot be read ({error.strerror}).") from error
    again = f"build it again: jetracer build {path.with_suffix('.onnx')} --force"
    if content.startswith(PLAN_MAGIC):
        raise EngineRefused(f"{path} is a bare TensorRT plan: of which model and GPU cannot be known; {again}")
    body = content[_BODY:]
    if not content.startswith(MAGIC) or content[len(MAGIC):_BODY] != hashlib.sha256(body).digest():
        raise ModelCorrupt(f"{path} is no engine of JetRacer's, or damaged; {again}")
    length = _LENGTH.unpack_from(body)[0] + _LENGTH.size
    return _header(path, body[_LENGTH.size:length], again), body[length:]


def plan_version(plan: bytes) -> str:
    """The TensorRT that built a plan, such as 8.2.1, from its first bytes; empty when it is none.

    Source: TensorRT's sampleEngines.cpp: the version is in bytes 24 to 26.
    """
    if len(plan) < PLAN_HEAD or not plan.startswith(PLAN_MAGIC):
        return ""
    return ".".join(map(str, plan[24:27]))


def _header(path: Path, text: bytes, again: str) -> EngineHeader:
    content = json.loads(text)
    if content.get("format") != FORMAT or set(content) != {entry.name for entry in fields(EngineHeader)}:
        raise EngineRefused(f"{path} was built by another version of JetRacer; {again}")
    return EngineHeader(**{**content, "flags": tuple(content["flags"])})


def check_fits(header: EngineHeader, path: Path, tensorrt: str, gpu: str, capability: str,
               model_sha256: Optional[str] = None) -> None:
    """An engine runs only on the TensorRT and the GPU it was built with, for the model it was built from.

    `model_sha256` is that of the model beside it, None where it is not there. Raises EngineRefused.
    """
    for what, was, now in (
        ("TensorRT", header.tensorrt, tensorrt),
        ("the GPU", f"{header.gpu} ({header.capability})", f"{gpu} ({capability})"),
        ("the model with SHA-256", header.model_sha256[:12], (model_sha256 or header.model_sha256)[:12]),
    ):
        if was != now:
            raise EngineRefused(f"{path} was built for {what} {was}, here is {now}; build it again: {header.rebuild}")


def may_drive(header: EngineHeader) -> str:
    """Why the engine must not drive; empty when it may. Closed unless a record says that this very plan passed.

    The record: {"passed": true, "plan_sha256": of the plan compared, "model_sha256": of the model compared with, ...}.
    """
    record = header.parity
    if not record:
        return "it was never compared with its model"
    if record.get("plan_sha256") != header.plan_sha256 or record.get("model_sha256") != header.model_sha256:
        return "the comparison in it is of another engine"
    if record.get("passed") is not True:
        why = "; ".join(record.get("why", ()))
        return "it does not agree with its model" + (f" ({why})" if why else "")
    return ""
