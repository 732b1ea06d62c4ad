"""`jetracer build`: a model into the fastest engine that this computer can run; --dry-run shows the plan for any."""
from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Dict, List

from jetracer.cli.parser import Parser
from jetracer.cli.stage import stage
from jetracer.core.errors import ConfigError, ModelError
from jetracer.engine.build import Result, build_engine, card_of, engine_place, explain_build
from jetracer.engine.build_plan import BuildPlan, make_plan
from jetracer.engine.cpu_build import build_for_cpu
from jetracer.engine.cuda import Cuda
from jetracer.engine.devices import DEVICES, PRECISIONS, DeviceKind, device, device_here, dotted, parse_version
from jetracer.engine.engine_file import may_drive
from jetracer.engine.load import find_model
from jetracer.engine.tensorrt_base import import_tensorrt


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    model = find_model(options.model)
    kind = device(options.device) if options.device else device_here()
    if model.suffix == ".hybrid":
        return _hybrid(options, model, kind)
    if options.dry_run:
        plan = _dry_run(options, model, kind)
        print(json.dumps(_as_dict(plan)) if options.json else plan)
        return 0
    if options.trt or (kind.name != "cpu" and options.device and kind != device_here()):
        raise ConfigError("An engine runs only on the GPU and the TensorRT it was built with, so it is built there; "
                          "add --dry-run to see the plan for another.")
    if options.explain:
        return _explain(options, model, kind)
    if kind.name == "cpu":
        return _cpu(options, model)
    result = _build(options, model, kind)
    print(json.dumps({**_as_dict(result.plan), **_built(result)}) if options.json else _told(result))
    return 1 if may_drive(result.header) else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer build", description=__doc__)
    add = parser.add_argument
    add("model", metavar="MODEL", help="an ONNX file with a card, a shipped model's name, or a .hybrid file of parts")
    add("--precision", choices=PRECISIONS, default="auto", help="default auto: the fastest that there is")
    add("--device", metavar="NAME", help=f"default: this computer; {', '.join(DEVICES)}")
    add("--dla", action="store_true", help="on the deep learning accelerator; what it cannot run, on the GPU")
    add("--out", metavar="FILE.engine", type=Path, help="default: beside the model")
    add("--force", action="store_true", help="build even if the same engine is there")
    add("--explain", action="store_true", help="at which operator it loses the points; for what does not agree")
    add("--dry-run", action="store_true", help="only the plan, for any device and TensorRT")
    add("--trt", metavar="V", help="with --dry-run: the TensorRT, such as 8.2; default: the newest for the device")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _dry_run(options: argparse.Namespace, model: Path, kind: DeviceKind) -> BuildPlan:
    tensorrt = parse_version(options.trt) if options.trt else kind.newest
    return make_plan(model, card_of(model), kind, tensorrt, options.out or engine_place(model), options.precision,
                     options.dla)


def _cpu(options: argparse.Namespace, model: Path) -> int:
    """Which library, and which precision, is the fastest on this CPU; what differs from its parent does not drive."""
    from jetracer.drive.probes import road_probes
    from jetracer.drive.prove import prove

    if options.dla or options.out:
        raise ConfigError("--dla and --out are for engines of TensorRT: build without them.")
    card_of(model)  # before seconds of drawing
    with stage("drawing the pictures that are compared"):
        probes = road_probes()
    with stage("comparing with the model in FP32, and measuring"):
        result = build_for_cpu(model, probes, partial(prove, probes=probes), options.precision)
    if options.json:
        print(json.dumps(result.as_json()))
    else:
        print(f"{result}\nDrive with it: jetracer drive --road {options.model}" if result.chosen else result)
    return 0 if result.chosen else 1


def _explain(options: argparse.Namespace, model: Path, kind: DeviceKind) -> int:
    from jetracer.drive.probes import road_probes
    from jetracer.drive.prove import explain_model

    if kind.name == "cpu":
        found = explain_model(model)
    else:
        with Cuda() as cuda:
            found = explain_build(model, kind, import_tensorrt(), cuda, road_probes(), options.precision, options.dla)
    told = json.dumps({"model": str(model), **found.to_dict()}) if options.json else f"The points are lost at {found}."
    print(told)
    return 0


def _next(model: Path) -> str:
    return f"it must not drive; where the points are lost: jetracer build {model} --explain"


def _build(options: argparse.Namespace, model: Path, kind: DeviceKind) -> Result:
    from jetracer.drive.probes import road_probes

    trt = import_tensorrt()
    progress = _Progress()
    with Cuda() as cuda:
        try:
            return build_engine(model, kind, trt, cuda, options.precision, options.dla, options.out, options.force,
                                progress, road_probes)
        finally:
            progress.end()


def _hybrid(options: argparse.Namespace, path: Path, kind: DeviceKind) -> int:
    """A model in parts, which `jetracer doctor model` wrote."""
    from jetracer.drive.probes import road_probes
    from jetracer.engine.hybrid_build import build_hybrid

    if options.dry_run or options.trt or options.device or options.dla or options.out:
        raise ConfigError(f"{path} is built whole, where it lies and for this computer: jetracer build {path}")
    if kind.name == "cpu":
        raise ModelError(f"This computer has no NVIDIA GPU: drive the model that {path} was divided from as it is.")
    progress = _Progress()
    with Cuda() as cuda:
        try:
            result = build_hybrid(path, kind, import_tensorrt(), cuda, options.precision, progress, road_probes)
        finally:
            progress.end()
    if options.json:
        print(json.dumps({"engine": str(path), "parts": [asdict(part) for part in result.plan.parts],
                          "may_drive": not result.why_not, "reports": [one._asdict() for one in result.reports]}))
    else:
        use = f"must not drive: {result.why_not}" if result.why_not else f"drive with it: jetracer drive --road {path}"
        print("\n".join([*map(str, result.reports), f"{path}: {use}"]))
    return int(bool(result.why_not))


class _Progress:
    """One line that is written over, on a terminal only."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()
        self._shows = sys.stderr.isatty()

    def __call__(self, phase: str, done: int, total: int) -> bool:
        if self._shows:
            bar = f"  {'#' * (20 * done // total):<20} {done}/{total} {phase[:40]}" if total else ""
            seconds = time.monotonic() - self._started_s
            print(f"\r\033[Koptimise {seconds:4.0f} s{bar}", end="", file=sys.stderr, flush=True)
        return True

    def end(self) -> None:
        if self._shows:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _as_dict(plan: BuildPlan) -> Dict[str, Any]:
    return {
        "engine": str(plan.engine), "model": str(plan.model), "device": plan.kind.name,
        "tensorrt": dotted(plan.tensorrt), **asdict(plan.settings), "steps": [list(step) for step in plan.steps],
        "notes": list(plan.notes), "trtexec": plan.trtexec,
    }


def _built(result: Result) -> Dict[str, Any]:
    return {"built": bool(result.reports), "key": result.header.key, "gpu": result.header.gpu,
            "may_drive": not may_drive(result.header), "parity": dict(result.header.parity),
            "reports": [report._asdict() for report in result.reports]}


def _told(result: Result) -> str:
    engine, why_not = result.plan.engine, may_drive(result.header)
    use = f"drive with it: jetracer drive --road {engine}"
    if why_not:
        use = f"{engine}: {why_not}\n{_next(result.plan.model)}"
    if not result.reports:
        return f"{engine} is this very engine already; --force builds it anew.\n{use}"
    notes = [f"Note: {note}." for note in result.plan.notes]
    return "\n".join([result.plan.steps[0][1], *notes, *map(str, result.reports), use])
