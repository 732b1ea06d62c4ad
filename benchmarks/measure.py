"""What all benchmarks share: quantiles, tables, the machine's description, a process that is timed."""
from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from jetracer.core.errors import DeviceError
from jetracer.core.runtime import memory_dir

ROOT = Path(__file__).resolve().parent.parent

# One turn of a loop under test. Times are monotonic seconds; sections that a loop does not have are NaN.
TURN = np.dtype([
    ("seq", "i8"),  # of the frame
    ("exposed_s", "f8"),  # the frame's time stamp
    ("began_s", "f8"),  # the turn had the frame
    ("acted_s", "f8"),  # the motor registers were written
    ("perceive_s", "f8"),
    ("decide_s", "f8"),
    ("guard_s", "f8"),
])  # fmt: skip


def quantiles_ms(values_s: Any) -> Dict[str, Optional[float]]:
    """Median, 99 %, 99.9 % and the greatest, in ms; of nothing, None."""
    values = 1e3 * np.asarray(values_s, float)
    if not len(values):
        return dict.fromkeys(("p50", "p99", "p999", "max"))
    found = np.quantile(values, (0.5, 0.99, 0.999, 1.0))
    return {name: round(float(value), 3) for name, value in zip(("p50", "p99", "p999", "max"), found)}


def evenness(stretches: Sequence[Any]) -> Dict[str, Optional[float]]:
    """Mean period in ms and its relative standard deviation, from the times of turns, stretch by stretch."""
    periods = np.concatenate([np.diff(times_s) for times_s in stretches]) if len(stretches) else np.empty(0)
    if not len(periods):
        return {"mean_ms": None, "rsd": None}
    mean_s = float(periods.mean())
    return {"mean_ms": round(1e3 * mean_s, 3), "rsd": round(float(periods.std()) / mean_s, 4)}


def age_and_pace(stretches: Sequence[np.ndarray]) -> Dict[str, Any]:
    """Frame age when the motors were written, evenness and frames acted on twice, of arrays of TURN."""
    turns = np.concatenate(stretches)
    repeated = sum(int((np.diff(stretch["seq"]) == 0).sum()) for stretch in stretches)
    return {
        "turns": len(turns),
        "age_ms": quantiles_ms(turns["acted_s"] - turns["exposed_s"]),
        "period": evenness([stretch["acted_s"] for stretch in stretches]),
        "repeated": repeated,
    }


def machine() -> Dict[str, Any]:
    """Where this is measured."""
    load = [round(value, 2) for value in os.getloadavg()]
    facts = {"cores": os.cpu_count(), "arch": platform.machine(), "system": f"Linux {platform.release()}",
             "python": platform.python_version(), "load": load}
    facts["text"] = (f"{facts['cores']} cores {facts['arch']}, {facts['system']}, Python {facts['python']}, "
                     f"load before {load[0]}")
    return facts


def progress(text: str) -> None:
    print(f"benchmarks: {text}", file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[Any]], head: Sequence[str]) -> str:
    """Columns as wide as they need, the first to the left, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        first, *rest = (text.rjust(width) for text, width in zip(row, widths))
        lines.append("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())
    return "\n".join("  " + line for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def working_folder() -> tempfile.TemporaryDirectory:
    """A folder in memory where there is one: the virtual board stands for a chip and must not wait for a disk."""
    return tempfile.TemporaryDirectory(prefix="jetracer-bench-", dir=memory_dir())


def verdict(goal: str, met: Optional[bool]) -> str:
    return f"  goal {goal}: {'not judged' if met is None else 'met' if met else 'NOT met'}"


def run_module(python: Any, module: str, arguments: Sequence[str], timeout_s: float,
               environment: Optional[Mapping[str, str]] = None) -> Dict[str, Any]:
    """Run a module of this repository in a process of its own; what it says as JSON on its last line.

    Raises DeviceError with its last words when it fails or takes longer than `timeout_s`.
    """
    command = [str(python), "-m", module, *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}, text=True,
                              capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"{module} did not end within {timeout_s:.0f} s.") from error
    said = done.stdout.strip().splitlines()
    if done.returncode or not said:
        raise DeviceError(f"{module} failed: {_last_line(done.stderr)}")
    for line in done.stderr.strip().splitlines():
        progress(line)
    return json.loads(said[-1])


def _last_line(text: str) -> str:
    lines: List[str] = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
