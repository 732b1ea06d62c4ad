"""Which engine drives a model on this computer's CPU: what `jetracer build` found out, and whether it still holds.

It is a small JSON file beside the model, `road.cpu.json`. It holds for one model, one processor and the versions of
ONNX Runtime and OpenVINO that it was measured with. Where it does not hold, ONNX Runtime drives the model as it is.
"""
from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Set

from jetracer.core.config import write_text
from jetracer.core.errors import EngineRefused, JetRacerError
from jetracer.engine.base import ENGINES, Engine, sha256_of
from jetracer.engine.devices import cpu_name
from jetracer.engine.proof import why_not

FORMAT = 1
PACKAGES = ("onnxruntime", "openvino")
_log = logging.getLogger(__name__)
_said: Set[str] = set()


@dataclass(frozen=True)
class Choice:
    """`file` is the name of a file beside this one that stands in for the model, empty for the model itself."""

    engine: str  # of engine/base.py
    file: str
    model_sha256: str
    file_sha256: str
    cpu: str
    versions: Mapping[str, str]  # of PACKAGES; empty where one was not installed
    ratio: float  # how many times as fast as ONNX Runtime with the model as it is
    parity: Mapping[str, Any] = field(default_factory=dict)  # its comparison with the model in FP32
    format: int = FORMAT


def choice_place(model: Path, folder: Path) -> Path:
    return folder / f"{model.stem}.cpu.json"


def int8_place(model: Path, folder: Path) -> Path:
    """Where `jetracer optimize int8` leaves the model for a CPU."""
    return folder / f"{model.stem}.int8-cpu.onnx"


def write_choice(place: Path, choice: Choice) -> None:
    """All or nothing, with the SHA-256 of it all. Raises ConfigError when it cannot be written."""
    content = asdict(choice)
    write_text(place, json.dumps({**content, "sha256": _sum(content)}, indent=1, sort_keys=True) + "\n")


def read_choice(place: Path) -> Choice:
    """Raises EngineRefused for what is damaged or was written by another JetRacer."""
    try:
        content = json.loads(place.read_bytes())
        total = content.pop("sha256")
    except (OSError, ValueError, AttributeError, KeyError) as error:
        raise EngineRefused(f"it cannot be read ({error})") from error
    if total != _sum(content) or content.get("format") != FORMAT or set(content) != {f.name for f in fields(Choice)}:
        raise EngineRefused("it is damaged, or of another version of JetRacer")
    return Choice(**content)


def check_fits(choice: Choice, model_sha256: str, file_sha256: str, cpu: str, versions: Mapping[str, str]) -> None:
    """Raises EngineRefused with what is not as it was."""
    for what, was, now in (
        ("the model", choice.model_sha256[:12], model_sha256[:12]),
        (choice.file, choice.file_sha256[:12], file_sha256[:12]),
        ("the processor", choice.cpu, cpu),
        *((name, choice.versions.get(name, ""), versions[name]) for name in PACKAGES),
    ):
        if was != now:
            raise EngineRefused(f"{what} was {was or 'not there'}, and is {now or 'not there'}")
    if (choice.engine, choice.file) != ("onnx", "") and choice.parity.get("passed") is not True:
        raise EngineRefused("it was not found to agree with its model")


def open_chosen(model: Path, folder: Path, threads: int) -> Optional[Engine]:
    """The engine that was chosen for `model`, open; None where ONNX Runtime drives it as it is.

    Says once, as a warning, why a choice does not hold.
    """
    place = choice_place(model, folder)
    if not place.is_file():
        return None
    try:
        return _open(read_choice(place), model, folder, threads)
    except (JetRacerError, OSError) as error:
        if str(place) not in _said:
            _said.add(str(place))
            _log.warning("%s does not hold: %s. So ONNX Runtime drives %s as it is; measure anew: jetracer build %s",
                         place, str(error).rstrip("."), model.name, model)
        return None


def _open(choice: Choice, model: Path, folder: Path, threads: int) -> Optional[Engine]:
    if (choice.engine, choice.file) == ("onnx", ""):
        return None
    file = folder / choice.file if choice.file else model
    check_fits(choice, sha256_of(model), sha256_of(file), cpu_name(), versions())
    engine = ENGINES.create(choice.engine, file, threads)
    engine.open()
    reason = why_not(file, engine.card)
    if reason:
        engine.close()
        raise EngineRefused(f"{file.name} must not drive: {reason}")
    return engine


def versions() -> Dict[str, str]:
    """Of what can run a model here; nothing is loaded where the package says it by itself."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    from importlib import import_module, metadata
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
    try:  # built by hand, or ONNX Runtime under another name
        return str(import_module(name).__version__)
    except (ImportError, AttributeError):
        return ""


def _sum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
