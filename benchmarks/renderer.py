"""How fast the simulated camera draws on one core, and how much faster than real time lockstep runs on two."""
from __future__ import annotations

import time
from typing import Any, Callable, Dict, List

import cv2
import numpy as np

from benchmarks.measure import progress, table, verdict
from benchmarks.stand_ins import TRACK_SEED
from jetracer.camera.geometry import SIM_CAMERA
from jetracer.core.errors import ModelError
from jetracer.drive.episode import EpisodeConfig
from jetracer.drive.evaluate import EvaluationConfig, evaluate
from jetracer.sim.look import Look
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.track import generate

TRACKS, FRAMES, RANDOM_LOOKS = 4, 150, 6
QUICK_TRACKS, QUICK_FRAMES, QUICK_LOOKS = 1, 40, 2
GOAL_FACTOR, CORES = 10.0, 2


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"looks": {look: pictures a second on one core}, "realtime_factor": ...}, medians over tracks."""
    cv2.setNumThreads(1)
    tracks, frames, looks = (QUICK_TRACKS, QUICK_FRAMES, QUICK_LOOKS) if quick else (TRACKS, FRAMES, RANDOM_LOOKS)
    speeds: Dict[str, List[float]] = {}
    builds: List[float] = []
    for seed in range(TRACK_SEED, TRACK_SEED + tracks):
        progress(f"track {seed}")
        start_s = time.perf_counter()
        scenery = Scenery(generate(seed))
        builds.append(time.perf_counter() - start_s)
        for name, look in _looks(seed, looks):
            speeds.setdefault(name, []).append(frames_per_s(Renderer(scenery, SIM_CAMERA, look, seed), frames))
    return {"looks": {name: round(float(np.median(values)), 1) for name, values in speeds.items()},
            "scenery_s": round(float(np.median(builds)), 3), **_lockstep(quick, road)}


def _lockstep(quick: bool, road: str) -> Dict[str, Any]:
    """Simulated seconds per second of `jetracer evaluate`: pictures, network, control, guard, physics."""
    tracks, seeds, duration_s = (CORES, 1, 20.0) if quick else (8, 1, 60.0)
    config = EvaluationConfig(road, tracks, seeds, workers=CORES, episode=EpisodeConfig(duration_s=duration_s))
    progress(f"lockstep: {tracks * seeds} episodes of {duration_s:.0f} s on {CORES} cores")
    try:
        scores = evaluate(config)
    except ModelError as error:
        return {"realtime_factor": None, "missing": str(error)}
    return {"realtime_factor": scores["realtime_factor"], "missing": ""}


def _looks(seed: int, random_looks: int) -> List[tuple]:
    noisy = [(f"noise, motion blur of {count} poses" if count > 1 else "noise, no motion blur",
              Look(noise=2.0, exposure_s=0.015, sub_poses=count)) for count in (1, 2, 4)]
    rng = np.random.default_rng(seed)
    return [("plain", Look.plain()), *noisy,
            *[("random look (2 poses, all effects)", Look.random(rng)) for _ in range(random_looks)]]


def frames_per_s(renderer: Renderer, frames: int) -> float:
    """Pictures of places all along the track, after a few to warm up."""
    track = renderer.scenery.track
    poses = [track.pose_at(track.length_m * number / frames, 0.05, 0.1) for number in range(frames)]
    _draw(renderer.frame, poses[:5])
    start_s = time.perf_counter()
    _draw(renderer.frame, poses)
    return frames / (time.perf_counter() - start_s)


def _draw(frame: Callable[..., np.ndarray], poses: List[tuple]) -> None:
    for pose in poses:
        frame(*pose, speed_mps=1.5, yaw_rate_rps=0.5, steering_rad=0.1)


def show(result: Dict[str, Any]) -> str:
    rows = [[name, speed] for name, speed in result["looks"].items()]
    factor = result["realtime_factor"]
    text = [table(rows, ["224x224, one core", "pictures/s"]),
            f"  building the scenery of a track: {result['scenery_s']:.2f} s",
            f"  lockstep: {result['missing'] or f'{factor:.1f} times real time on {CORES} cores'}"]
    goal = f"lockstep >= {GOAL_FACTOR:.0f} times real time on {CORES} cores"
    return "\n".join([*text, verdict(goal, None if factor is None else factor >= GOAL_FACTOR)])
