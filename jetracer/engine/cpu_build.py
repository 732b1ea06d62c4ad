"""`jetracer build` without an NVIDIA GPU: which library, and which of the model's files, is the fastest here.

Measured in turns, on pictures, with one thread. All but the model in FP32 on ONNX Runtime must agree with that first.
"""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from jetracer.core.errors import JetRacerError, ModelError
from jetracer.engine.base import ENGINES, Engine, sha256_of
from jetracer.engine.card import ModelCard
from jetracer.engine.cpu_choice import Choice, choice_place, int8_place, versions, write_choice
from jetracer.engine.devices import cpu_name
from jetracer.engine.interleave import Latency, asking, interleave
from jetracer.engine.load import home
from jetracer.engine.onnx_runtime import OnnxEngine
from jetracer.engine.parent import find_parent
from jetracer.engine.parity import Parity, Probes, compare, limits_for
from jetracer.engine.proof import why_not

MARGIN = 1.05  # what is less than this much faster is not worth another library or another precision
LIBRARIES = {"onnx": "onnxruntime", "openvino": "openvino"}
TITLES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO"}


class Entry(NamedTuple):
    """One library with one file."""

    engine: str
    file: Path
    precision: str
    parity: Optional[Parity]  # None for the model in FP32 on ONNX Runtime, with which the others are compared
    latency: Optional[Latency]  # None for what does not run
    why_not: str = ""  # it must not drive

    def as_json(self) -> Dict[str, Any]:
        latency = self.latency.as_json() if self.latency else {"latency_ms": None, "ratio": None}
        return {"engine": self.engine, "file": str(self.file), "precision": self.precision, **latency,
                "size_bytes": self.file.stat().st_size, "may_drive": not self.why_not, "why_not": self.why_not,
                "parity": self.parity.record() if self.parity else None}


class CpuBuild(NamedTuple):
    """What was measured, and what was chosen; None when nothing may drive."""

    model: Path
    cpu: str
    versions: Dict[str, str]
    entries: Tuple[Entry, ...]
    chosen: Optional[Entry]
    why: str
    place: Path  # of the choice

    def as_json(self) -> Dict[str, Any]:
        told = (self.chosen or self.entries[0]).as_json()
        return {"model": str(self.model), **{key: told[key] for key in ("engine", "file", "precision", "parity")},
                "may_drive": self.chosen is not None, "why": self.why, "cpu": self.cpu, "versions": self.versions,
                "choice": str(self.place), "candidates": [entry.as_json() for entry in self.entries]}

    def __str__(self) -> str:
        lines = [f"{self.model} on {self.cpu}, one thread"]
        lines += [f"  {_line(entry, self.versions)}" for entry in self.entries]
        if not self.versions["openvino"]:
            lines.append("Note: OpenVINO is faster on many processors; to measure it too: pip install openvino")
        return "\n".join([*lines, self.why])


def _line(entry: Entry, installed: Dict[str, str]) -> str:
    name = f"{TITLES[entry.engine]} {installed[LIBRARIES[entry.engine]]}"
    took = f"{entry.latency.p50_ms:8.2f} ms {entry.latency.ratio:5.2f}x" if entry.latency else f"{'-':>11} {'-':>6}"
    agrees = str(entry.parity) if entry.parity else ""
    return f"{name:<22} {entry.precision.upper():<5}{took}  {entry.why_not or agrees}".rstrip()


def build_for_cpu(model: Path, probes: Probes, prove: Callable[[Path], Parity], precision: str = "auto",
                  seconds: float = 4.0) -> CpuBuild:
    """Measure, choose and write the choice beside the model.

    `prove` compares a file in FP16 or INT8 with its parent and writes the record into it: `drive/prove.py`. Raises
    ModelError with the next step.
    """
    with ExitStack() as opened:
        card = opened.enter_context(OnnxEngine(model)).card
        files = _files(model, card, precision)
        reference = opened.enter_context(OnnxEngine(find_parent(model, card)))
        ready = [_ready(opened, name, file, reference, probes, prove) for file in files for name in LIBRARIES
                 if versions()[LIBRARIES[name]]]
        entries = _measured(ready, probes, seconds)
    chosen, why = choose(entries, precision)
    result = CpuBuild(model, cpu_name(), versions(), tuple(entries), chosen, why, choice_place(model, home(model)))
    if chosen:
        _remember(result, chosen)
    return result


def _files(model: Path, card: ModelCard, precision: str) -> List[Path]:
    """The model, and its INT8 twin for a CPU if there is one."""
    if precision == "fp16":
        raise ModelError("CPUs are not asked to calculate in FP16: build with --precision auto, int8 or fp32.")
    twin = int8_place(model, home(model))
    files = [model, twin] if card.precision == "fp32" and twin.is_file() else [model]
    if precision == "int8" and len(files) == 1 and card.precision != "int8":
        raise ModelError(f"There is no {twin}; make it first: jetracer optimize int8 {model}")
    if precision == "fp32" and card.precision != "fp32":
        raise ModelError(f"{model} is in {card.precision.upper()}: for FP32 build the model that it was made from.")
    return files


def _ready(opened: ExitStack, name: str, file: Path, reference: OnnxEngine, probes: Probes,
           prove: Callable[[Path], Parity]) -> Tuple[Entry, Optional[Engine]]:
    """Open it and compare it; not yet measured."""
    try:
        engine = opened.enter_context(ENGINES.create(name, file))
        precision = engine.card.precision
        if name == "onnx" and file == reference.path:
            return Entry(name, file, precision, None, None), engine
        if precision != "fp32" and engine.card.parents[:1] != (sha256_of(reference.path),):
            return Entry(name, file, precision, None, None, "it was made from another model"), engine
        proven = name == "onnx"  # and written into the file
        parity = prove(file) if proven else compare(reference, engine, probes, limits_for(precision))
        reason = why_not(file, engine.card) if parity.passed else str(parity)
    except JetRacerError as error:
        return Entry(name, file, "?", None, None, str(error)), None
    return Entry(name, file, precision, parity, None, reason), engine


def _measured(ready: List[Tuple[Entry, Optional[Engine]]], probes: Probes, seconds: float) -> List[Entry]:
    pictures = probes.pictures[:min(8, probes.driving)]  # of what a car sees
    runs = {index: asking(engine, probes.prepare(engine.card), pictures)
            for index, (_, engine) in enumerate(ready) if engine is not None}
    latencies = interleave(runs, seconds) if runs else {}
    return [entry._replace(latency=latencies.get(index)) for index, (entry, _) in enumerate(ready)]


def choose(entries: List[Entry], precision: str = "auto") -> Tuple[Optional[Entry], str]:
    """Of those in that precision, the first that none is more than MARGIN faster than; and why, in words."""
    fit = [entry for entry in entries if entry.latency and not entry.why_not and precision in ("auto", entry.precision)]
    if not fit:
        return None, ("Nothing of this may drive; where the points are lost: "
                      f"jetracer build {entries[-1].file} --explain")
    fastest = max(entry.latency.ratio for entry in fit)
    chosen = next(entry for entry in fit if entry.latency.ratio * MARGIN >= fastest)
    first = entries[0]
    how = "as it is" if chosen is first else f"{chosen.latency.ratio:.2f} times as fast as {_named(first)}"
    text = f"{_named(chosen)} drives {chosen.file.name}, {how}."
    return chosen, " ".join([*_int8(entries, chosen), text])


def _named(entry: Entry) -> str:
    return f"{TITLES[entry.engine]} in {entry.precision.upper()}"


def _int8(entries: List[Entry], chosen: Entry) -> List[str]:
    """What became of INT8 beside FP32."""
    quantised = [entry for entry in entries if entry.precision == "int8"]
    if chosen.precision == "int8" or not quantised:
        return []
    fit = [entry for entry in quantised if entry.latency and not entry.why_not]
    if not fit:
        return [f"INT8 may not drive ({quantised[0].why_not}): stays {chosen.precision.upper()}."]
    ratio = max(entry.latency.ratio for entry in fit) / chosen.latency.ratio
    slower = "slower here" if ratio < 1.0 else "hardly faster here"
    return [f"INT8 is {slower} ({ratio:.2f} times as fast): stays {chosen.precision.upper()}."]


def _remember(result: CpuBuild, chosen: Entry) -> None:
    file = "" if chosen.file == result.model else chosen.file.name
    write_choice(result.place, Choice(
        engine=chosen.engine, file=file, model_sha256=sha256_of(result.model), file_sha256=sha256_of(chosen.file),
        cpu=result.cpu, versions=result.versions, ratio=round(chosen.latency.ratio, 3),
        parity=chosen.parity.record() if chosen.parity else {}))
