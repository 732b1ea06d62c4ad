"""One model at half to twice its training speed: does the car stay in its lane?

The training speed is what `jetracer evaluate` drives at unless told otherwise, `control.speed.max_speed_mps`: the
shipped model was chosen at it. Bends are driven as fast as the sideways acceleration that the planner allows, so the
mean speed grows less than the highest.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

from benchmarks.episodes import drive
from benchmarks.measure import table, verdict
from jetracer.control.config import ControlConfig
from jetracer.drive.episode import EpisodeConfig

FACTORS = (0.5, 1.0, 1.5, 2.0)
TRACKS, DURATION_S = 20, 60.0
QUICK_TRACKS, QUICK_DURATION_S = 2, 5.0


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"ways": {speed: see `episodes.told`}, "goal_met"}"""
    duration_s = QUICK_DURATION_S if quick else DURATION_S
    found = drive({_name(factor): EpisodeConfig(duration_s, control=_control(factor)) for factor in FACTORS}, road,
                  QUICK_TRACKS if quick else TRACKS)
    return {"ways": found, "goal_met": all(way["inside"] == way["episodes"] for way in found.values())}


def _control(factor: float) -> ControlConfig:
    control = ControlConfig()
    return replace(control, speed=replace(control.speed, max_speed_mps=factor * control.speed.max_speed_mps))


def _name(factor: float) -> str:
    return f"{factor:g}x, at most {_control(factor).speed.max_speed_mps:g} m/s"


def show(result: Dict[str, Any]) -> str:
    rows = [[name, way["off_track_s"], f"{way['inside']}/{way['episodes']}", f"{way['faultless']}/{way['episodes']}",
             way["collisions"], f"{way['deviation_rel']:.1%}", f"{way['deviation_max_rel']:.0%}", way["mean_mps"]]
            for name, way in result["ways"].items()]
    head = ["speed", "off track s", "inside", "faultless", "collisions", "off centre", "at most", "mean m/s"]
    goal = f"never outside of the lane on {TRACKS} unseen tracks at any of the speeds"
    return "\n".join([table(rows, head), verdict(goal, result["goal_met"])])
