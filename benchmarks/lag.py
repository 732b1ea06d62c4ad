"""What 150 ms between picture and decision cost, with the delay compensated and without.

The compensation (`control/motion.py`) reckons where the car went since the picture was taken. Without it the controller
acts as if the picture were of this very moment. Told at the speed of training and at twice that, for at low speed a
delay costs little. Where nobody leaves the track, how far a car is off the middle of its lane tells the ways apart.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

from benchmarks.episodes import drive
from benchmarks.measure import table, verdict
from jetracer.control.config import ControlConfig
from jetracer.drive.episode import EpisodeConfig

LAG_S, GOAL_RATIO = 0.15, 3.0
TRACKS, DURATION_S, SPEEDS = 20, 30.0, (1.0, 2.0)
QUICK_TRACKS, QUICK_DURATION_S = 2, 5.0
UNDELAYED, AWARE, UNAWARE = "no lag", "lag, compensated", "lag, not compensated"


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"ways": {way: see `episodes.told`}, "off_track_s": {kind of way: sum}, "worse", "goal_met"}"""
    duration_s = QUICK_DURATION_S if quick else DURATION_S
    ways = {f"{speed:g}x, {kind}": episode for speed in SPEEDS for kind, episode in _kinds(speed, duration_s).items()}
    found = drive(ways, road, QUICK_TRACKS if quick else TRACKS)
    off_s = {kind: round(sum(found[f"{speed:g}x, {kind}"]["off_track_s"] for speed in SPEEDS), 2)
             for kind in (UNDELAYED, AWARE, UNAWARE)}
    worse = {f"{speed:g}x": ratio(*(found[f"{speed:g}x, {kind}"]["deviation_rel"] for kind in (UNAWARE, AWARE)))
             for speed in SPEEDS}
    return {"ways": found, "off_track_s": off_s, "worse": worse,
            "goal_met": off_s[AWARE] <= off_s[UNDELAYED] and all(times >= GOAL_RATIO for times in worse.values())}


def _kinds(speed: float, duration_s: float) -> Dict[str, EpisodeConfig]:
    control = ControlConfig()
    control = replace(control, speed=replace(control.speed, max_speed_mps=speed * control.speed.max_speed_mps))
    blind = replace(control, arc=replace(control.arc, latency_max_s=0.0))
    return {UNDELAYED: EpisodeConfig(duration_s, control=control),
            AWARE: EpisodeConfig(duration_s, lag_s=LAG_S, control=control),
            UNAWARE: EpisodeConfig(duration_s, lag_s=LAG_S, control=blind)}


def ratio(unaware: float, aware: float) -> float:
    """How many times farther from the middle of the lane without compensation, in the mean."""
    return round(unaware / aware, 1)


def show(result: Dict[str, Any]) -> str:
    rows = [[name, way["off_track_s"], f"{way['inside']}/{way['episodes']}", f"{way['faultless']}/{way['episodes']}",
             f"{way['deviation_rel']:.1%}", f"{way['deviation_max_rel']:.0%}", way["mean_mps"]]
            for name, way in result["ways"].items()]
    head = [f"lag {1e3 * LAG_S:.0f} ms", "off track s", "inside", "faultless", "off centre", "at most", "mean m/s"]
    off_s = ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in result["off_track_s"].items())
    worse = ", ".join(f"{times:g} times at {speed}" for speed, times in result["worse"].items())
    sums = f"  off track altogether: {off_s}\n  off centre, not compensated against compensated: {worse}"
    goal = f"off track with lag <= without, and >= {GOAL_RATIO:.0f} times as far off centre where it is not compensated"
    return "\n".join([table(rows, head), sums, verdict(goal, result["goal_met"])])
