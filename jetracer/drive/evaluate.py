"""Scores of a road model on tracks that no model has seen, in lockstep: the lane-following metrics of AI-DO.

Closed loop: survival time, time outside the lane, distance driven along the lane and deviation from its centre line
(Zilly et al., "The AI Driving Olympics at NeurIPS 2018", arXiv:1903.02503), and the share of faultless episodes.
Open loop: the aim's error in pictures of the same tracks in the same light (`sight.py`).
"""
from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.core.errors import ConfigError
from jetracer.core.workers import workers
from jetracer.drive.episode import EpisodeConfig, run_episode
from jetracer.drive.oracle import Oracle, PoseRenderer
from jetracer.drive.sight import Sight, look, told
from jetracer.engine.base import Engine
from jetracer.engine.load import load_engine
from jetracer.perception.base import Perception
from jetracer.perception.road import RoadFollower
from jetracer.sim.track import EVALUATION_FIRST_SEED, TRAINING_SEEDS, VALIDATION_SEEDS, Track, generate

ORACLE = "oracle"  # in place of a road model: knows where the track is, needs no pictures

Road = Union[str, Callable[[], Engine]]
Progress = Callable[[int, int, Dict[str, Any]], None]


@dataclass(frozen=True)
class EvaluationConfig:
    """`road` is a model's name or path, "oracle", or a function of a module that returns an open engine."""

    road: Road = "road"
    tracks: int = 50
    seeds: int = 5  # episodes per track: start, light, camera noise
    first_seed: int = EVALUATION_FIRST_SEED  # of the tracks; the others follow it
    workers: int = 2  # processes; 1 = this one
    unseen: bool = True  # refuse tracks that models are trained or chosen on
    pictures: int = 20  # per episode, of the same track and light, to be judged open loop
    oracle_noise: float = 0.0  # sigma of the oracle's aim
    episode: EpisodeConfig = field(default_factory=EpisodeConfig)

    def __post_init__(self) -> None:
        if min(self.tracks, self.seeds, self.workers) < 1 or min(self.first_seed, self.pictures) < 0:
            raise ConfigError("tracks, seeds and workers are 1 or more, first_seed and pictures 0 or more.")
        if not (self.episode.duration_s > 0 and self.episode.fps > 0 and self.episode.lag_s >= 0):
            raise ConfigError("An episode needs a duration and a frame rate above 0 and a lag of 0 or more.")
        known = max(TRAINING_SEEDS.stop, VALIDATION_SEEDS.stop)
        if self.unseen and self.first_seed < known:
            raise ConfigError(f"Tracks below seed {known} are for training and validation; evaluate on later "
                              f"ones, such as --first-seed {EVALUATION_FIRST_SEED}.")


class Job(NamedTuple):
    """The episodes of one track that one worker drives in a row, on scenery built once."""

    track: int
    seeds: Tuple[int, ...]


def evaluate(config: EvaluationConfig, progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Drive all episodes and return the scores, JSON-ready; `progress(done, total, record)` follows.

    Raises ConfigError, or what the model's loading raises.
    """
    return summarise(*drive_all(config, progress))


def drive_all(config: EvaluationConfig, progress: Optional[Progress] = None
              ) -> Tuple[List[Dict[str, Any]], EvaluationConfig, float]:
    """The records of all episodes, how they were asked for, and the seconds they took: what `summarise` takes."""
    begun_s = time.monotonic()
    records: List[Dict[str, Any]] = []
    for done in _work(config, _jobs(config)):
        for record in done:
            records.append(record)
            if progress:
                progress(len(records), config.tracks * config.seeds, record)
    return records, config, time.monotonic() - begun_s


def summarise(records: Sequence[Dict[str, Any]], config: EvaluationConfig, wall_s: float) -> Dict[str, Any]:
    """The scores of finished episodes that took `wall_s` of real time altogether."""
    records = sorted(records, key=lambda record: (record["track"], record["seed"]))
    stops = Counter(reason for record in records for reason in record["stops"])
    simulated_s = sum(record["simulated_s"] for record in records)
    seen = [Sight(*sight) for record in records for sight in record.get("sights", ())]
    return {
        "episodes": len(records),
        "success_rate": round(sum(record["success"] for record in records) / len(records), 4),
        "survival_s": _scores(records, "survival_s", min),
        "off_track_s": _scores(records, "off_track_s", max),
        "distance_m": _scores(records, "distance_m", min),
        "deviation_rel": _scores(records, "deviation_rel", max),
        "collisions": sum(record["collisions"] for record in records),
        "stops": dict(stops),
        "realtime_factor": round(simulated_s / wall_s, 2),
        "wall_s": round(wall_s, 1),
        "open_loop": told(seen) if seen else None,
        "failed": [{name: value for name, value in record.items() if name != "sights"}
                   for record in records if not record["success"]],
        "config": {**asdict(config), "road": str(config.road)},
    }


def _scores(records: Sequence[Dict[str, Any]], name: str, worst: Callable[..., float]) -> Dict[str, float]:
    values = [record[name] for record in records]
    return {"median": round(float(np.median(values)), 4), worst.__name__: worst(values)}


def _jobs(config: EvaluationConfig) -> List[Job]:
    """One per track, or, where tracks are few, several, so that no worker stands idle."""
    parts = max(1, min(config.seeds, 2 * config.workers // config.tracks))
    shares = [tuple(range(part, config.seeds, parts)) for part in range(parts)]
    return [Job(config.first_seed + track, share) for track in range(config.tracks) for share in shares]


def _work(config: EvaluationConfig, jobs: Sequence[Job]) -> Iterator[List[Dict[str, Any]]]:
    """The records of each job, in the order in which they are finished."""
    if config.workers == 1:
        worker = Worker(config)
        yield from map(worker.drive, jobs)
        return
    with workers(min(config.workers, len(jobs)), _start, (config,)) as pool:
        futures = [pool.submit(_drive, job) for job in jobs]
        yield from (future.result() for future in as_completed(futures))


class Worker:
    """A road model, loaded once, and how to drive episodes with it."""

    def __init__(self, config: EvaluationConfig) -> None:
        import cv2

        cv2.setNumThreads(1)  # the workers are the parallelism
        self._config = config
        self._road: Optional[Perception] = None
        if config.road != ORACLE:
            engine = config.road() if callable(config.road) else load_engine(config.road, threads=1)
            self._road = RoadFollower(engine)

    def drive(self, job: Job) -> List[Dict[str, Any]]:
        """The records of the job's episodes."""
        track = generate(job.track)
        if self._road is None:
            return [self._oracle(track, seed) for seed in job.seeds]
        from jetracer.sim.scenery import Scenery

        scenery = Scenery(track)
        return [self._episode(track, scenery, seed) for seed in job.seeds]

    def _oracle(self, track: Track, seed: int) -> Dict[str, Any]:
        oracle = Oracle(track, SIM_CAMERA, self._config.oracle_noise, seed)
        return run_episode(track, seed, oracle, PoseRenderer(), self._config.episode)

    def _episode(self, track: Track, scenery: Any, seed: int) -> Dict[str, Any]:
        from jetracer.sim.look import Look
        from jetracer.sim.render import Renderer

        light = Look.random(np.random.default_rng([track.seed, seed, 0x100C]))
        driven, seen = (Renderer(scenery, SIM_CAMERA, light, seed=seed) for _ in range(2))
        record = run_episode(track, seed, self._road, driven, self._config.episode)
        sights = look(track, seed, self._road, seen, self._config.pictures)
        if sights:
            _, record["aim_px"], record["aim_deg"] = (round(float(mean), 3) for mean in np.mean(sights, axis=0))
            record["sights"] = sights
        return record


_worker: Optional[Worker] = None  # of a worker process


def _start(config: EvaluationConfig) -> None:
    global _worker  # noqa: PLW0603 - a pool's initialiser has no other place to put it
    _worker = Worker(config)


def _drive(job: Job) -> List[Dict[str, Any]]:
    return _worker.drive(job)
