"""100 Hz beside two CPU hogs, in real-time mode and without.

A frame misses its deadline when no command from it has reached the motors before the next frame is exposed. On a
virtual machine the host takes a core away now and then; a witness tells which misses coincide with that.
"""
from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np

from benchmarks.block import Block, fresh_turns, in_own_process
from benchmarks.measure import evenness, progress, quantiles_ms, table, verdict
from benchmarks.stand_ins import draw_pictures
from benchmarks.witness import Witness, excused
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
            "goal_met": None if real["refused"] else _met(real)}


def _met(drive: Dict[str, Any]) -> bool:
    return not drive["ended"] and drive["missed"] == (drive["core_paused"] or 0)


def _drive(block: Block, hogs: int) -> Dict[str, Any]:
    """The hogs start first and end by themselves: nothing is started from a real-time process."""
    progress(f"{block.seconds:.0f} s at {block.fps:.0f} Hz beside {hogs} hogs, real-time: {block.realtime}")
    lifetime_s = block.warm_up_s + block.seconds + START_S
    with ExitStack() as stack:
        witness = Witness(lifetime_s)
        stack.callback(witness.close)
        for _ in range(hogs):
            hog = subprocess.Popen([sys.executable, "-c", HOG, str(lifetime_s)])
            stack.callback(hog.wait)
            stack.callback(hog.kill)
        turns, facts = in_own_process(block)
        pauses = witness.pauses()
    return {**deadlines(fresh_turns([turns])[0], block.fps, pauses), **facts}


def deadlines(turns: np.ndarray, fps: float, pauses: Optional[np.ndarray] = None) -> Dict[str, Any]:
    """How many of the frames exposed came too late, or never, to the motors.

    `core_paused`: how many of those while a core stood still, of `pauses`, (N, 2) from, to in s; None unless known.
    """
    age_s = turns["acted_s"] - turns["exposed_s"]
    first, last = int(turns["seq"][0]), int(turns["seq"][-1])
    skipped = np.setdiff1d(np.arange(first, last + 1), turns["seq"])
    late = turns["seq"][age_s > 1.0 / fps]
    missed_s = turns["exposed_s"][0] + (np.concatenate([skipped, late]) - first) / fps
    return {"frames": last - first + 1, "missed": len(missed_s), "skipped": len(skipped), "late": len(late),
            "core_paused": None if pauses is None else excused(missed_s, 1.0 / fps, pauses),
            "paused_s": None if pauses is None else round(float(np.diff(pauses).sum()), 3),
            "age_ms": quantiles_ms(age_s), "period": evenness([turns["began_s"]]),
            "perceive_ms": quantiles_ms(turns["perceive_s"])}


def show(result: Dict[str, Any]) -> str:
    rows = []
    for mode, drive in result["drives"].items():
        age = drive["age_ms"]
        rows.append([mode, drive["frames"], drive["missed"], f"{100 * drive['missed'] / drive['frames']:.2f} %",
                     drive["core_paused"], age["p50"], age["p99"], age["p999"], age["max"], drive["perceive_ms"]["p50"],
                     f"{100 * drive['period']['rsd']:.1f} %"])
    head = ["mode", "frames", "missed", "", "core paused", "age p50 ms", "p99", "p99.9", "max", "network p50", "RSD"]
    text = [table(rows, head), f"  {result['fps']:.0f} Hz, {result['hogs']} hogs; core paused: of the missed, those "
            "while a core stood still for every process, as when a virtual machine's host takes it away"]
    for mode, drive in result["drives"].items():
        if drive["unarmed"]:
            text.append(f"  {mode}: stopped for {drive['unarmed']} turns ({', '.join(drive['stops'])})")
        if drive["ended"]:
            text.append(f"  {mode}: ended {drive['ended']}")
    if result["refused"]:
        text.append(f"  {result['refused']}")
    real = result["drives"].get("real-time, hogs", {})
    goal = "no missed deadline in real-time mode"
    if real.get("core_paused"):
        goal += f", but for {real['core_paused']} while a core stood still for every process"
    return "\n".join([*text, verdict(goal, result["goal_met"])])
