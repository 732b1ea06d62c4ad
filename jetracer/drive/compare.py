"""Which of two road models is better: the same tracks, starts, lights and pictures for both, and an honest interval.

What differs is averaged track by track, for episodes on one track are alike, and the tracks are drawn again and again
with replacement (Efron's bootstrap). An interval of few tracks is too narrow, so it is widened as T. Hesterberg does
("What Teachers Should Know About the Bootstrap", arXiv:1411.5279, the expanded percentile interval). All intervals
together hold the truth in 95 of 100 comparisons (Bonferroni).
"""
from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from jetracer.core.errors import ConfigError
from jetracer.drive.evaluate import ORACLE, EvaluationConfig, Progress, Road, drive_all, summarise
from jetracer.engine.load import model_hash

FALSE_ALARMS = 0.05  # share of comparisons of equal models in which any metric is called different
RESAMPLES = 10_000
FEWEST_TRACKS = 10  # of fewer, all may favour one model by chance alone

Record = Mapping[str, Any]


class Metric(NamedTuple):
    name: str
    better: float  # +1: the more the better; -1: the less
    words: str
    places: int


METRICS = (
    Metric("success", 1.0, "faultless episodes", 3),
    Metric("survival_s", 1.0, "survival", 2),
    Metric("off_track_s", -1.0, "time outside the lane", 3),
    Metric("distance_m", 1.0, "distance", 2),
    Metric("deviation_rel", -1.0, "deviation from the centre line", 4),
    Metric("aim_px", -1.0, "aim error in px", 2),
    Metric("aim_deg", -1.0, "aim error in degrees", 2),
)


def evaluate_two(config: EvaluationConfig, against: Road, progress: Callable[[], Progress]) -> Dict[str, Any]:
    """`summarise`'s scores of config.road, those of the other model as `against`, and their `comparison`.

    `progress()` makes one to follow each. Raises ConfigError, or what the models' loading raises.
    """
    _enough(config.tracks)
    for road in (config.road, against):
        if isinstance(road, str) and road != ORACLE:
            model_hash(road)  # a missing one is told before the other has driven for minutes
    ours, theirs = (drive_all(replace(config, road=road), progress()) for road in (config.road, against))
    return {**summarise(*ours), "against": summarise(*theirs), "comparison": compare(ours[0], theirs[0])}


def compare(ours: Sequence[Record], theirs: Sequence[Record]) -> Dict[str, Any]:
    """Ours less theirs, JSON-ready: metric -> difference, interval and verdict; and the verdict in words.

    Both are records of the same episodes (`drive/episode.py`). Raises ConfigError where they are not, or too few.
    """
    pairs = _pairs(ours, theirs)
    known = [metric for metric in METRICS if all(metric.name in one and metric.name in other for one, other in pairs)]
    level = 1.0 - FALSE_ALARMS / len(known)
    differences = {metric.name: _compared(metric, pairs, level) for metric in known}
    return {"pairs": len(pairs), "tracks": len({one["track"] for one, _ in pairs}), "level": round(level, 5),
            "differences": differences, "verdict": verdict(differences)}


def verdict(differences: Mapping[str, Mapping[str, Any]]) -> str:
    """One sentence."""
    told = []
    for side in ("better", "worse"):
        names = [metric.words for metric in METRICS if differences.get(metric.name, {}).get("verdict") == side]
        told += [f"{side} in {', '.join(names)}"] if names else []
    return "; ".join(told) or "no difference"


def interval(values: np.ndarray, level: float, seed: int = 0) -> Tuple[float, float]:
    """Bootstrap interval of the mean of values (n,) that holds the truth with probability `level`."""
    count = len(values)
    random = np.random.default_rng(seed)
    means = values[random.integers(0, count, (RESAMPLES, count))].mean(axis=1)
    tail = widened(0.5 * (1.0 - level), count)
    low, high = np.quantile(means, (tail, 1.0 - tail))
    return float(low), float(high)


def widened(tail: float, count: int) -> float:
    """The share to cut off at each end so that an interval of `count` values leaves out `tail` there.

    By Student's quantile for the normal one, and the bootstrap's spread, which is too small by sqrt((n - 1) / n).
    """
    normal = NormalDist()
    return normal.cdf(-student(1.0 - tail, count - 1) * math.sqrt(count / (count - 1)))


def student(share: float, degrees: int) -> float:
    """Quantile of Student's t for 9 degrees or more (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(share)
    terms = (z, (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96,
             (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return sum(term / degrees**power for power, term in enumerate(terms))


def _enough(tracks: int) -> None:
    if tracks < FEWEST_TRACKS:
        raise ConfigError(f"{tracks} tracks are too few to compare two models; take {FEWEST_TRACKS} or more.")


def _pairs(ours: Sequence[Record], theirs: Sequence[Record]) -> List[Tuple[Record, Record]]:
    others = {(record["track"], record["seed"]): record for record in theirs}
    if len(others) != len(ours) or any((record["track"], record["seed"]) not in others for record in ours):
        raise ConfigError("Only the same episodes can be compared: drive both models on the same tracks and seeds.")
    _enough(len({record["track"] for record in ours}))
    return [(record, others[record["track"], record["seed"]]) for record in ours]


def _compared(metric: Metric, pairs: Sequence[Tuple[Record, Record]], level: float) -> Dict[str, Any]:
    by_track: Dict[int, List[float]] = {}
    for one, other in pairs:
        by_track.setdefault(one["track"], []).append(float(one[metric.name]) - float(other[metric.name]))
    values = np.array([np.mean(by_track[track]) for track in sorted(by_track)])
    low, high = interval(values, level)
    side = "no difference" if low <= 0.0 <= high else "better" if metric.better * low > 0.0 else "worse"
    ours, theirs = (float(np.mean([pair[which][metric.name] for pair in pairs])) for which in (0, 1))
    numbers = {"ours": ours, "theirs": theirs, "difference": float(values.mean()), "low": low, "high": high}
    return {**{name: round(value, metric.places) for name, value in numbers.items()}, "verdict": side}
