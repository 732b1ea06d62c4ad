"""`jetracer profile MODEL`: what each layer of a model costs, and how long it takes, here and on a Jetson.

Of a Jetson a lower bound is told, from what NVIDIA publishes: a prediction, not measured.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List

from jetracer.cli.needs import needs
from jetracer.cli.parser import Parser
from jetracer.core.errors import ConfigError
from jetracer.engine.devices import DEVICES, device
from jetracer.engine.load import find_model

SHOWN = 12  # layers on the screen; the page and --json have all


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    needs("onnx")
    if options.calibrate:
        result = _calibrate(options)
    elif not options.model:
        raise ConfigError("Which model? For example: jetracer profile road")
    else:
        result = _profile(options)
    if options.json:
        print(json.dumps(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer profile", description=__doc__)
    add = parser.add_argument
    add("model", metavar="MODEL", nargs="?", help="an ONNX file, or a shipped model's name")
    add("--device", metavar="NAME", action="append", default=[],
        help=f"predict for this one only, may be given again; default: all; {', '.join(DEVICES)}")
    add("--seconds", type=float, default=2.0, help="to measure on this computer; 0: do not run it (2)")
    add("--html", metavar="DIR", help="write a page with bars")
    add("--calibrate", action="store_true", help="learn what operators cost on this computer; some minutes, once")
    add("--rounds", type=int, default=10, help="of --calibrate (10)")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _profile(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.optimize.profile import profile_model

    for name in options.device:
        device(name)
    result = profile_model(find_model(options.model), options.device, options.seconds)
    print(told(result))
    if options.html:
        from jetracer.optimize.profile_page import write_profile

        result["page"] = str(write_profile(result, Path(options.html)))
        print(f"Page: {result['page']}")
    return result


def _calibrate(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.optimize.speed import calibrate, place, save

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            print(f"\rround {done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)

    speed = calibrate(options.rounds, progress)
    path = save(speed, place())
    noisy = " The computer was not at rest: do it again when nothing else runs." if speed.spread > 1.3 else ""
    print(f"{path}: {len(speed.prices)} families of operators on {speed.cpu}, ONNX Runtime {speed.onnxruntime}; median "
          f"error {speed.error:.1%} on the nets they were learnt from.{noisy}")
    return {"file": str(path), "cpu": speed.cpu, "onnxruntime": speed.onnxruntime, "error": round(speed.error, 4),
            "spread": round(speed.spread, 3), "families": len(speed.prices)}


def told(result: Dict[str, Any]) -> str:
    lines = [f"{result['model']}: {result['params']:,} parameters, {result['macs']:,} MACs, {result['flops']:,} FLOPs "
             f"(and {result['other_flops']:,} others), {result['bytes'] / 1e6:.1f} MB moved, {result['precision']}"]
    taken = result["latency_ms"]
    if taken:
        lines.append(f"  this CPU, measured          {taken['p50']:9.2f} ms   p99 {taken['p99']:.2f} ms")
    for name, found in result["predictions"].items():
        if found["ms"] is None:
            lines.append(f"  {name:<12} not predicted: {found['why']}")
        elif name == "cpu":
            lines.append(f"  this CPU, predicted         {found['ms']:9.2f} ms   {found['why']}")
        else:
            lines.append(f"  {name:<12} {found['precision']}, at least {found['ms']:9.2f} ms   {found['label']}")
    lines += ["", f"  the {SHOWN} costliest layers", f"  {'MACs':>13} {'share':>6} {'params':>11} {'kB':>9}  layer"]
    whole = max(1, result["macs"])
    for layer in sorted(result["layers"], key=lambda one: -one["macs"])[:SHOWN]:
        if layer["macs"]:
            lines.append(f"  {layer['macs']:>13,} {layer['macs'] / whole:6.1%} {layer['params']:>11,} "
                         f"{layer['bytes'] / 1e3:9.1f}  {layer['op']} {layer['name']}")
    return "\n".join([*lines, *(f"Note: {note}" for note in result["notes"])])
