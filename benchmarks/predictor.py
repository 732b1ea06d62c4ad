"""How well a model's latency is predicted from its graph: twenty nets that the predictor never saw.

The nets are named in `benchmarks/zoo.py` (JUDGES), before anything was predicted, and nothing is learnt or chosen by
their times. The prices are learnt by `jetracer profile --calibrate`'s small nets; these and the twenty are timed in
turns, in one run, each beside a reference net, for this computer's speed changes by the minute. One thread.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np

from benchmarks.measure import ROOT, progress, table, verdict
from jetracer.optimize.micro_nets import COUNTS, micro_nets
from jetracer.optimize.node_times import Reference, Watched, take_turns
from jetracer.optimize.speed import learn

ROUNDS, QUICK_ROUNDS = 15, 2
NETS: Sequence[str] = ()  # all of JUDGES
SMALL_NETS = COUNTS
FOLDER = ROOT / "build" / "zoo"
GOAL_ERROR, GOAL_RANK = 0.10, 0.97


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"nets": {name: {measured_ms, predicted_ms, error}}, "median_error", "rank", "learnt", "goal_met"}"""
    from benchmarks import zoo  # with torch

    progress("writing the nets (once)")
    paths = {name: zoo.write(name, Path(FOLDER)) for name in NETS or zoo.JUDGES}
    small = {name: Watched(content) for name, content in micro_nets(0, SMALL_NETS).items()}
    judges = {name: Watched(path, nodes=False) for name, path in paths.items()}
    rounds = QUICK_ROUNDS if quick else ROUNDS
    reference_s = take_turns([*small.values(), *judges.values()], Reference(), rounds,
                             lambda done, of: progress(f"round {done} of {of}"))
    speed = learn(small, reference_s)
    nets = {}
    for name, one in judges.items():
        measured_s, predicted_s = one.wall_s(reference_s), float(speed.node_times_s(one.graph).sum())
        nets[name] = {"measured_ms": round(1e3 * measured_s, 3), "predicted_ms": round(1e3 * predicted_s, 3),
                      "error": round(predicted_s / measured_s - 1.0, 4)}
    for one in (*small.values(), *judges.values()):
        one.close()
    return {"nets": nets, **judged(nets), "rounds": rounds, "cpu": speed.cpu, "onnxruntime": speed.onnxruntime,
            "learnt": {"nets": len(small), "error": round(speed.error, 4), "reference_ms": round(1e3 * reference_s, 4),
                       "spread": round(speed.spread, 3)}}


def judged(nets: Dict[str, Dict[str, float]]) -> Dict[str, Any]:
    errors = [abs(net["error"]) for net in nets.values()]
    measured, predicted = ([net[key] for net in nets.values()] for key in ("measured_ms", "predicted_ms"))
    rank = rank_correlation(measured, predicted)
    return {"median_error": round(float(np.median(errors)), 4), "worst_error": max(errors), "rank": round(rank, 4),
            "goal_met": bool(np.median(errors) <= GOAL_ERROR and rank >= GOAL_RANK)}


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, of values without ties."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def show(result: Dict[str, Any]) -> str:
    rows = [[name, net["measured_ms"], net["predicted_ms"], f"{net['error']:+.1%}"]
            for name, net in sorted(result["nets"].items(), key=lambda item: item[1]["measured_ms"])]
    learnt = result["learnt"]
    return "\n".join([
        table(rows, ["ONNX Runtime, one thread", "measured ms", "predicted ms", "error"]),
        f"  {result['cpu']}, ONNX Runtime {result['onnxruntime']}; learnt from {learnt['nets']} small nets (median "
        f"error {learnt['error']:.1%} on these), {result['rounds']} rounds; reference {learnt['reference_ms']:.2f} ms, "
        f"slow moments {learnt['spread']:.2f} times as long as quick ones",
        f"  median error {result['median_error']:.1%}, worst {result['worst_error']:.1%}, rank correlation "
        f"{result['rank']:.4f}",
        verdict(f"median error <= {GOAL_ERROR:.0%}, rank correlation >= {GOAL_RANK}", result["goal_met"])])
