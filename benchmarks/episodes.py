"""The same episodes driven in several ways, and what came of each: for the benchmarks of delay and speed."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping

from benchmarks.measure import progress
from jetracer.drive.episode import EpisodeConfig
from jetracer.drive.evaluate import EvaluationConfig, drive_all

CORES = 2


def drive(ways: Mapping[str, EpisodeConfig], road: str, tracks: int) -> Dict[str, Dict[str, Any]]:
    """{way: what came of it}: one episode on each of the unseen tracks, from the same start in the same light for all.

    Raises ModelError when the model cannot be loaded.
    """
    found = {}
    for name, episode in ways.items():
        progress(f"{name}: {tracks} episodes of {episode.duration_s:.0f} s")
        config = EvaluationConfig(road, tracks, seeds=1, workers=CORES, pictures=0, episode=episode)
        found[name] = told(drive_all(config)[0], episode)
    return found


def told(records: List[Dict[str, Any]], episode: EpisodeConfig) -> Dict[str, Any]:
    """Sums over the episodes. A car that is lost stays off the track for the rest of its episode."""
    off_s = [record["off_track_s"] + episode.duration_s - record["survival_s"] for record in records]
    return {
        "episodes": len(records),
        "inside": sum(seconds == 0.0 for seconds in off_s),
        "faultless": sum(record["success"] for record in records),
        "off_track_s": round(sum(off_s), 2),
        "collisions": sum(record["collisions"] for record in records),
        "mean_mps": round(sum(record["distance_m"] for record in records)
                          / sum(record["simulated_s"] for record in records), 2),
        "deviation_rel": round(sum(record["deviation_rel"] for record in records) / len(records), 4),
        "deviation_max_rel": round(max(record["deviation_max_rel"] for record in records), 3),
    }
