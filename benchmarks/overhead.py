"""Frame-to-pulse overhead: from the camera's time stamp to the motor registers, through the guard's process.

Beside it, in turns with it, Donkey's loop with the same camera, network and registers.
"""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from benchmarks.block import Block, fresh_turns, in_own_process
from benchmarks.donkey import donkey_block, find_donkey
from benchmarks.measure import age_and_pace, progress, table, verdict
from benchmarks.stand_ins import draw_pictures
from jetracer.core.errors import DeviceError, ModelError
from jetracer.engine.load import load_engine

GOAL_P50_MS, GOAL_P99_MS = 2.0, 5.0
FPS = 60.0
DONKEY_HZ = (20.0, 60.0)  # its default, and the camera's own
ROUNDS, SECONDS = 5, 10.0
QUICK_ROUNDS, QUICK_SECONDS = 2, 2.0

Runner = Callable[[float], Tuple[np.ndarray, Dict[str, Any]]]


def measure(quick: bool = False, road: str = "road", install: bool = True) -> Dict[str, Any]:
    """{"loops": {name: age, period, ...}, "missing": [why], ...}; ages in ms, of all turns of all rounds."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder:
        pictures = draw_pictures(Path(folder) / "pictures.npy")
        runners, missing = _runners(pictures, Path(folder), road, install)
        taken = _interleaved(runners, rounds, seconds)
    loops = {name: _summary(name, stretches) for name, stretches in taken.items()}
    ours = loops["JetRacer null 60 Hz"]["age_ms"]
    return {"fps": FPS, "rounds": rounds, "seconds": seconds, "loops": loops, "missing": missing,
            "goal_met": ours["p50"] <= GOAL_P50_MS and ours["p99"] <= GOAL_P99_MS}


def _runners(pictures: Path, folder: Path, road: str, install: bool) -> Tuple[Dict[str, Runner], List[str]]:
    networks, missing = ["null"], []
    try:
        load_engine(road).close()
        networks.append(road)
    except ModelError as error:
        missing.append(f"with a network: {error}")
    donkey: Optional[Path] = None
    try:
        donkey = find_donkey(install)
    except DeviceError as error:
        missing.append(f"Donkey: {error}")
    runners: Dict[str, Runner] = {}
    for network in networks:
        name = "null" if network == "null" else "network"
        runners[f"JetRacer {name} {FPS:.0f} Hz"] = _ours(pictures, folder, network)
        for hz in DONKEY_HZ if donkey else ():
            runners[f"donkey {name} {hz:.0f} Hz"] = _donkeys(donkey, pictures, network, hz)
    return runners, missing


def _ours(pictures: Path, folder: Path, network: str) -> Runner:
    def run(seconds: float) -> Tuple[np.ndarray, Dict[str, Any]]:
        return in_own_process(Block(str(pictures), str(folder / "turns.npy"), network, FPS, seconds))
    return run


def _donkeys(python: Optional[Path], pictures: Path, network: str, hz: float) -> Runner:
    def run(seconds: float) -> Tuple[np.ndarray, Dict[str, Any]]:
        return donkey_block(python, pictures, network, hz, seconds)
    return run


def _interleaved(runners: Dict[str, Runner], rounds: int, seconds: float) -> Dict[str, List[np.ndarray]]:
    """Each loop once a round, every other round in reverse order: what drifts hits all alike."""
    taken: Dict[str, List[np.ndarray]] = {name: [] for name in runners}
    for number in range(rounds):
        for name in list(runners)[:: 1 if number % 2 == 0 else -1]:
            progress(f"round {number + 1} of {rounds}: {name}")
            taken[name].append(runners[name](seconds)[0])
    return taken


def _summary(name: str, stretches: List[np.ndarray]) -> Dict[str, Any]:
    return age_and_pace(fresh_turns(stretches) if name.startswith("JetRacer") else stretches)


def show(result: Dict[str, Any]) -> str:
    rows = []
    for name, loop in result["loops"].items():
        age, period = loop["age_ms"], loop["period"]
        rows.append([name, loop["turns"], age["p50"], age["p99"], age["max"], period["mean_ms"],
                     f"{100 * period['rsd']:.1f} %", loop["repeated"]])
    head = ["loop", "turns", "age p50 ms", "p99", "max", "period ms", "RSD", "same frame twice"]
    text = [table(rows, head), f"  camera {result['fps']:.0f} frames/s; age: exposure to register write; "
            "JetRacer through the guard's process, Donkey writes from its loop"]
    text += [f"  not measured: {why}" for why in result["missing"]]
    ours = result["loops"]["JetRacer null 60 Hz"]["age_ms"]
    goal = (f"with a null engine p50 <= {GOAL_P50_MS:.0f} ms, p99 <= {GOAL_P99_MS:.0f} ms "
            f"(are {ours['p50']:.2f}, {ours['p99']:.2f})")
    text.append(verdict(goal, result["goal_met"]))
    return "\n".join(text)
