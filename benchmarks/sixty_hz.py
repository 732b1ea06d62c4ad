"""The shipped model at 60 Hz for ten minutes: an even pace, and no command from an old frame.

A frame is old when its command reaches the motors later than one camera period and the inference after it was
exposed. The pace is the camera's own, as `jetracer drive` keeps it; `recorded` records the drive too.
"""
from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import numpy as np

from benchmarks.block import Block, fresh_turns, in_own_process
from benchmarks.measure import evenness, progress, quantiles_ms, table, verdict
from benchmarks.stand_ins import draw_pictures
from jetracer.engine.load import load_engine

FPS = 60.0
SECONDS, QUICK_SECONDS = 600.0, 20.0
RECORDED_SECONDS, QUICK_RECORDED_SECONDS = 60.0, 5.0
GOAL_RSD = 0.05
SECTIONS = ("perceive_s", "decide_s", "guard_s")


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"drives": {name: how it went}, "goal_met"}. Raises ModelError, DeviceError."""
    load_engine(road).close()  # a missing model is told before anything is drawn
    drives = {
        "plain": Block(road=road, fps=FPS, seconds=QUICK_SECONDS if quick else SECONDS),
        "recorded": Block(road=road, fps=FPS, recorded=True,
                          seconds=QUICK_RECORDED_SECONDS if quick else RECORDED_SECONDS),
    }
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder:
        pictures = draw_pictures(Path(folder) / "pictures.npy")
        results = {name: _drive(name, block, pictures, Path(folder)) for name, block in drives.items()}
    plain = results["plain"]
    met = plain["period"]["rsd"] <= GOAL_RSD and plain["old_frames"] == 0 and not plain["ended"]
    return {"fps": FPS, "drives": results, "goal_met": met}


def _drive(name: str, block: Block, pictures: Path, folder: Path) -> Dict[str, Any]:
    progress(f"{name}: {block.seconds:.0f} s at {block.fps:.0f} Hz")
    turns, facts = in_own_process(replace(block, pictures=str(pictures), out=str(folder / "turns.npy")))
    return {"seconds": block.seconds, **judged(fresh_turns([turns])[0], block.fps), **facts}


def judged(turns: np.ndarray, fps: float) -> Dict[str, Any]:
    """What became of the frames of one drive."""
    age_s = turns["acted_s"] - turns["exposed_s"]
    exposed = int(turns["seq"][-1] - turns["seq"][0]) + 1
    return {
        "frames": exposed,
        "missed_frames": exposed - len(turns),
        "old_frames": int((age_s > 1.0 / fps + turns["perceive_s"]).sum()),
        "period": evenness([turns["began_s"]]),
        "age_ms": quantiles_ms(age_s),
        "wait_ms": quantiles_ms(turns["began_s"] - turns["exposed_s"]),
        **{section[:-2] + "_ms": quantiles_ms(turns[section]) for section in SECTIONS},
    }


def show(result: Dict[str, Any]) -> str:
    text = []
    parts = {"wait_ms": "camera to loop", "perceive_ms": "perceive (network)", "decide_ms": "decide",
             "guard_ms": "guard, to registers and back", "age_ms": "frame age at registers"}
    for name, drive in result["drives"].items():
        rows = [[label, *drive[key].values()] for key, label in parts.items()]
        text += [
            f"  {name}: {drive['seconds']:.0f} s, {drive['frames']} frames, {drive['missed_frames']} missed, "
            f"{drive['old_frames']} old; period {drive['period']['mean_ms']:.2f} ms, "
            f"RSD {100 * drive['period']['rsd']:.2f} %",
            table(rows, ["ms", "p50", "p99", "p99.9", "max"]),
        ]
        if drive["unarmed"]:
            text.append(f"  (the car was stopped for {drive['unarmed']} turns: {', '.join(drive['stops'])})")
        if drive["ended"]:
            text.append(f"  (ended {drive['ended']})")
    goal = f"period RSD <= {GOAL_RSD:.0%} and no frame older than a period and its inference"
    return "\n".join([*text, verdict(goal, result["goal_met"])])
