"""`jetracer optimize TECHNIQUE MODEL`: a smaller or faster model, and what that cost.

    fp16    half the size, faster on a GPU
    int8    a quarter of the size, faster where the processor multiplies bytes
"""
from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Dict, List

from jetracer.cli.needs import needs
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown

TECHNIQUES = ("fp16", "int8")  # each in a file of its own: optimize_fp16.py


def main(arguments: List[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(f"usage: jetracer optimize TECHNIQUE MODEL [options]     options: jetracer optimize TECHNIQUE --help\n\n"
              f"{__doc__}")
        raise SystemExit(0 if arguments else 2)  # as argparse ends the other verbs
    if name not in TECHNIQUES:
        raise unknown("technique", name, TECHNIQUES)
    if not {"-h", "--help"}.intersection(arguments):
        needs("onnx")
    return import_module(f"jetracer.cli.optimize_{name}").main(arguments[1:])


def as_dict(report: Any) -> Dict[str, Any]:
    """A technique's report, JSON-ready: its details are keys of their own."""
    from dataclasses import asdict

    told = asdict(report)
    return {**told.pop("details"), **told}


def told(report: Any) -> str:
    """The same for a person: figures before and after, then notes and files."""
    before, after = report.before, report.after
    lines = [f"{'size':<12} {before.size_bytes / 1e6:.2f} -> {after.size_bytes / 1e6:.2f} MB "
             f"({after.size_bytes / before.size_bytes:.2f})"]
    for key in before.error:
        if key in after.error:
            lines.append(f"{'aim ' + key:<12} {before.error[key]:.2f} -> {after.error[key]:.2f}")
    for key in before.latency_ms:
        if key in after.latency_ms:
            lines.append(f"{key:<12} {before.latency_ms[key]:.2f} -> {after.latency_ms[key]:.2f} ms")
    lines += [f"Note: {note}." for note in report.notes]
    return "\n".join([*lines, *(f"{what:<12} {path}" for what, path in report.files.items())])


def show(report: Any, as_json: bool) -> int:
    """Prints it; the exit code is 1 where what was made must not drive."""
    print(json.dumps(as_dict(report)) if as_json else told(report))
    return 0 if report.details.get("may_drive", True) else 1


def frames_of(data: str, count: int) -> Any:
    """Pictures to measure on: of a data set, or simulated. Raises ConfigError, DataError."""
    from jetracer.optimize.frames import from_set, simulated

    if count < 1:
        raise ConfigError(f"--frames {count}: at least one picture is needed.")
    return from_set(data, count) if data else simulated(count)
