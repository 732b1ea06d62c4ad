"""100 Hz beside two CPU hogs, in real-time mode and without.

A frame misses its deadline when no command from it has reached the motors before the next frame is exposed.
"""
from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import numpy as np

from benchmarks.block import Block, fresh_turns, in_own_process
from benchmarks.measure import evenness, progress, quantiles_ms, table, verdict
from benchmarks.stand_ins import draw_pictures
from jetracer.engine.load import load_engine

FPS = 100.0
HOGS = 2
SECONDS, QUICK_SECONDS = 60.0, 5.0
START_S = 30.0  # more than a drive needs to start and end beside hogs
HOG = "import sys, time\nend_s = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end_s: pass"


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"drives": {mode: how it went}, "refused": why there was no real-time mode, "goal_met"}."""
    load_engine(road).close()
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder:
        base = Block(str(draw_pictures(Path(folder) / "pictures.npy")), str(Path(folder) / "turns.npy"), road,
                     FPS, QUICK_SECONDS if quick else SECONDS)
        drives = {
            "real-time, hogs": _drive(replace(base, realtime=True), HOGS),
            "ordinary, hogs": _drive(replace(base, guard_realtime=False), HOGS),
            "ordinary, alone": _drive(replace(base, guard_realtime=False), 0),
        }
    real = drives["real-time, hogs"]
    return {"fps": FPS, "hogs": HOGS, "seconds": base.seconds, "drives": drives, "refused": real["refused"],
            "goal_met": None if real["refused"] else real["missed"] == 0}


def _drive(block: Block, hogs: int) -> Dict[str, Any]:
    """The hogs start first and end by themselves: nothing is started from a real-time process."""
    progress(f"{block.seconds:.0f} s at {block.fps:.0f} Hz beside {hogs} hogs, real-time: {block.realtime}")
    with ExitStack() as stack:
        for _ in range(hogs):
            lifetime_s = block.warm_up_s + block.seconds + START_S
            hog = subprocess.Popen([sys.executable, "-c", HOG, str(lifetime_s)])
            stack.callback(hog.wait)
            stack.callback(hog.kill)
        turns, facts = in_own_process(block)
    return {**deadlines(fresh_turns([turns])[0], block.fps), **facts}


def deadlines(turns: np.ndarray, fps: float) -> Dict[str, Any]:
    """How many of the frames exposed came too late, or never, to the motors."""
    age_s = turns["acted_s"] - turns["exposed_s"]
    frames = int(turns["seq"][-1] - turns["seq"][0]) + 1
    skipped, late = frames - len(turns), int((age_s > 1.0 / fps).sum())
    return {"frames": frames, "missed": skipped + late, "skipped": skipped, "late": late,
            "age_ms": quantiles_ms(age_s), "period": evenness([turns["began_s"]]),
            "perceive_ms": quantiles_ms(turns["perceive_s"])}


def show(result: Dict[str, Any]) -> str:
    rows = []
    for mode, drive in result["drives"].items():
        age = drive["age_ms"]
        rows.append([mode, drive["frames"], drive["missed"], f"{100 * drive['missed'] / drive['frames']:.2f} %",
                     age["p50"], age["p99"], age["p999"], age["max"], drive["perceive_ms"]["p50"],
                     f"{100 * drive['period']['rsd']:.1f} %"])
    head = ["mode", "frames", "missed", "", "age p50 ms", "p99", "p99.9", "max", "network p50", "RSD"]
    text = [table(rows, head), f"  {result['fps']:.0f} Hz, {result['hogs']} hogs"]
    for mode, drive in result["drives"].items():
        if drive["unarmed"]:
            text.append(f"  {mode}: stopped for {drive['unarmed']} turns ({', '.join(drive['stops'])})")
    if result["refused"]:
        text.append(f"  {result['refused']}")
    return "\n".join([*text, verdict("no missed deadline in real-time mode", result["goal_met"])])
