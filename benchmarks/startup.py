"""How soon a drive can begin, and the memory it takes: `jetracer drive --sim` and the guard, from nothing."""
from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from benchmarks.measure import ROOT, progress, table, verdict
from jetracer.camera.recordings import SESSION
from jetracer.core.errors import DeviceError
from jetracer.core.types import Step
from jetracer.data.session import Session
from jetracer.engine.load import load_engine
from jetracer.safety.start import start_guard
from jetracer.sim.board import Board

GOAL_READY_S, GOAL_GUARD_S, GOAL_RSS_MB = 2.0, 0.3, 200.0
DRIVES, GUARDS, DURATION_S = 5, 20, 3.0
QUICK_DRIVES, QUICK_GUARDS = 1, 5
LOOK_S = 0.02  # between two looks at a process
GIVE_UP_S = 90.0


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """Times in s, memory in MB (10^6 bytes), each with the median and the greatest."""
    load_engine(road).close()
    drives = []
    for number in range(QUICK_DRIVES if quick else DRIVES):
        progress(f"jetracer drive --sim, number {number + 1}")
        drives.append(drive_once(road))
    progress("guard")
    guard_s = [guard_once() for _ in range(QUICK_GUARDS if quick else GUARDS)]
    result = {name: _spread([drive[name] for drive in drives]) for name in
              ("first_turn_s", "armed_s", "rss_driving_mb", "rss_peak_mb")}
    result["guard_s"] = _spread(guard_s)
    result["torch_loaded"] = any(drive["torch"] for drive in drives)
    result["goal_met"] = bool(
        result["armed_s"]["max"] <= GOAL_READY_S and result["rss_peak_mb"]["max"] <= GOAL_RSS_MB
        and result["guard_s"]["max"] < GOAL_GUARD_S and not result["torch_loaded"]
    )
    return result


def drive_once(road: str) -> Dict[str, Any]:
    """One `jetracer drive --sim`: when its loop turned first, when the car was armed, what memory it took."""
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder:
        command = [sys.executable, "-m", "jetracer.cli.main", "drive", "--sim", "--road", road, "--headless",
                   "--duration", str(DURATION_S), "--runs", str(Path(folder) / "runs")]
        start_s = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True, env={**os.environ, "JETRACER_RUNTIME_DIR": folder})
        memory = _watch(process, Path(folder) / "runs")
        steps = _steps(Path(folder) / "runs")
        said = process.stderr.read().strip().splitlines()
        process.stderr.close()
    armed = [step for step in steps if step.decision.armed]
    if not armed:
        raise DeviceError(f"The car was not armed: {said[-1] if said else 'it said nothing'}")
    return {"first_turn_s": steps[0].t_s - start_s, "armed_s": armed[0].decision.t_s - start_s,
            **memory}


def _watch(process: subprocess.Popen, runs: Path) -> Dict[str, Any]:
    """Peak resident memory while driving and to the end, until the process ends; whether torch was in it."""
    proc = Path("/proc") / str(process.pid)
    driving_mb = peak_mb = 0.0
    torch, end_s = False, time.monotonic() + GIVE_UP_S
    while process.poll() is None:
        if time.monotonic() > end_s:
            process.kill()
        peak_mb = _peak_mb(proc) or peak_mb
        if not list(runs.glob("*/summary.json")):
            driving_mb = peak_mb  # the film is made after the drive
        torch = torch or "torch" in _read(proc / "maps")
        time.sleep(LOOK_S)
    return {"rss_driving_mb": driving_mb, "rss_peak_mb": peak_mb, "torch": torch}


def _peak_mb(proc: Path) -> Optional[float]:
    for line in _read(proc / "status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # the process has just ended


def _steps(runs: Path) -> List[Step]:
    for path in runs.glob(f"*/{SESSION}"):
        with Session.open(path) as session:
            return [moment.step for moment in session.moments()]
    return []


def guard_once() -> float:
    """Seconds from nothing to a guard that listens."""
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder:
        board = Board.create(str(Path(folder) / "board"))
        board.set_battery(11.7, 1.0)
        start_s = time.monotonic()
        with start_guard(f"sim:{folder}/board", Path(folder) / "guard.sock"):
            return time.monotonic() - start_s


def _spread(values: List[float]) -> Dict[str, float]:
    return {"median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def show(result: Dict[str, Any]) -> str:
    parts = {"first_turn_s": "drive --sim: start to first turn, s",
             "armed_s": "drive --sim: start to armed, s (0.5 s of it: the ESC's neutral)",
             "rss_driving_mb": "drive: peak memory while driving, MB",
             "rss_peak_mb": "drive: peak memory with the film, MB",
             "guard_s": "guard: start to listening, s"}
    rows = [[label, *result[key].values()] for key, label in parts.items()]
    torch = f"  torch is {'LOADED' if result['torch_loaded'] else 'not loaded'} in the drive's process"
    goal = (f"armed <= {GOAL_READY_S:.0f} s, memory <= {GOAL_RSS_MB:.0f} MB, guard < {GOAL_GUARD_S} s, no torch")
    return "\n".join([table(rows, ["", "median", "greatest"]), torch, verdict(goal, result["goal_met"])])
