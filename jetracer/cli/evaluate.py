"""`jetracer evaluate`: how well a road model drives unseen tracks, or reads pictures that a human labelled.

With --against, whether it is better than another one: the same tracks, starts, lights and pictures for both.
"""
from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

from jetracer.cli.data import words
from jetracer.cli.parser import Parser
from jetracer.core.config import override
from jetracer.core.errors import ConfigError


def main(arguments: List[str]) -> int:
    options, rest = _parser().parse_known_args(arguments)
    result = _frames(options, rest) if options.frames else _drives(options, rest)
    if options.json:
        print(json.dumps(result))
    elif options.frames:
        print(told_frames(result))
    else:
        print(told_drives(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="jetracer evaluate", description=__doc__,
        epilog="The controller's options work too, such as --control.speed.max_speed_mps 2.",
    )
    add = parser.add_argument
    add("--road", metavar="MODEL", default="road",
        help="a shipped name (road), an .onnx file, null, or oracle, who knows the track")
    add("--against", metavar="MODEL", default="", help="compare with this one, on the same episodes")
    add("--report", metavar="FOLDER", default="", help="write it as a page, index.html, and as report.json")
    add("--frames", metavar="FOLDER", help="labelled pictures: any data set that `jetracer data` reads")
    add("--tracks", type=int, metavar="N", default=50, help="how many unseen tracks (50)")
    add("--seeds", type=int, metavar="N", default=5, help="episodes on each: start, light, camera noise (5)")
    add("--first-seed", type=int, metavar="N",
        help="of the tracks (1000000); 200000 or more, which no model is trained on")
    add("--duration", type=float, metavar="S", default=60.0, help="of an episode (60)")
    add("--lag-s", type=float, metavar="S", default=0.0, help="injected delay from picture to decision (0)")
    add("--workers", type=int, metavar="N", default=2, help="processes (2)")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _frames(options: argparse.Namespace, rest: List[str]) -> Dict[str, Any]:
    from jetracer.drive.frames import evaluate_frames
    from jetracer.engine.load import load_engine

    odd = [name for name in ("against", "report") if getattr(options, name)]
    if rest or odd:
        raise ConfigError(f"{rest[0] if rest else '--' + odd[0]} does not go with --frames; "
                          "see: jetracer evaluate --help")
    with load_engine(options.road) as engine:
        return evaluate_frames(engine, options.frames)


def _drives(options: argparse.Namespace, rest: List[str]) -> Dict[str, Any]:
    from jetracer.drive.compare import evaluate_two
    from jetracer.drive.episode import EpisodeConfig
    from jetracer.drive.evaluate import ORACLE, EvaluationConfig, evaluate
    from jetracer.engine.load import load_engine

    episode = override(EpisodeConfig(duration_s=options.duration, lag_s=options.lag_s), rest)
    config = EvaluationConfig(road=options.road, tracks=options.tracks, seeds=options.seeds,
                              workers=options.workers, episode=episode)
    if options.first_seed is not None:
        config = replace(config, first_seed=options.first_seed)
    for road in {options.road, options.against} - {"", ORACLE}:
        load_engine(road).close()  # a wrong one is told before any worker starts
    result = evaluate_two(config, options.against, Progress) if options.against else evaluate(config, Progress())
    if options.report:
        from jetracer.drive.evaluation_page import write_evaluation

        result["report"] = write_evaluation(result, options.report)
    return result


class Progress:
    """On standard error: a live line on a terminal, else a line every tenth; and every failure."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self._live = sys.stderr.isatty()

    def __call__(self, done: int, total: int, record: Dict[str, Any]) -> None:
        left_s = (time.monotonic() - self._begun_s) * (total - done) / done
        text = f"{done}/{total} episodes, about {left_s:.0f} s left"
        if not record["success"]:
            print(("\r" if self._live else "") + f"track {record['track']} seed {record['seed']}: survived "
                  f"{record['survival_s']:.1f} s, off track {record['off_track_s']:.1f} s, "
                  f"{record['collisions']} collisions {' '.join(record['stops'])}", file=sys.stderr)
        if self._live:
            print(f"\r{text}   ", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif done * 10 // total > (done - 1) * 10 // total:
            print(text, file=sys.stderr)


def told_drives(result: Dict[str, Any]) -> str:
    rows = [
        ("episodes", f"{result['episodes']}"),
        ("success rate", f"{result['success_rate']:.1%}"),
        ("survival", f"median {result['survival_s']['median']:.1f} s, worst {result['survival_s']['min']:.1f} s"),
        ("off track", f"median {result['off_track_s']['median']:.2f} s, worst {result['off_track_s']['max']:.2f} s"),
        ("distance", f"median {result['distance_m']['median']:.1f} m, worst {result['distance_m']['min']:.1f} m"),
        ("deviation", f"median {result['deviation_rel']['median']:.1%} of the lane's half width, "
                      f"worst {result['deviation_rel']['max']:.1%}"),
        *_told_sight(result["open_loop"]),
        ("speed of it", f"{result['realtime_factor']:.1f} times real time"),
        *_told_comparison(result),
        *([("report", result["report"])] if "report" in result else []),
    ]
    return "\n".join(f"{name:<13} {text}" for name, text in rows)


def _told_sight(seen: Optional[Dict[str, Any]]) -> List[Tuple[str, str]]:
    if seen is None:
        return []
    px, deg = seen["error_px"], seen["error_deg"]
    return [("aim error", f"median {px['median']:.1f} px of 224, {deg['median']:.1f} degrees; "
                          f"90% below {px['p90']:.1f} px, {deg['p90']:.1f} degrees; {seen['pictures']} pictures")]


def _told_comparison(result: Dict[str, Any]) -> List[Tuple[str, str]]:
    """A row per metric, and the verdict."""
    if "comparison" not in result:
        return []
    compared = result["comparison"]
    rows = [("", f"{'':<14}{'this':>9}{'other':>9}{'difference':>12}   interval, {compared['level']:.1%} each")]
    for name, found in compared["differences"].items():
        rows.append(("", f"{name:<14}{found['ours']:>9g}{found['theirs']:>9g}{found['difference']:>+12g}   "
                         f"{found['low']:+g} to {found['high']:+g}: {found['verdict']}"))
    return [("against", f"{result['against']['config']['road']}, {compared['pairs']} pairs of episodes on "
                        f"{compared['tracks']} tracks"), *rows, ("verdict", compared["verdict"])]


def told_frames(result: Dict[str, Any]) -> str:
    lines = [f"{result['records']} labelled pictures, {result['answered']} answered with an aim"]
    skip = {"kind", "path", "format", "records", "deleted", "answered", "skipped", "flagged"}
    for name, value in result.items():
        if name not in skip:
            lines += _told_by_x(value) if name == "by_x" else [f"{name:<16} {words(value)}"]
    lines += [f"{what} {item['path']}: {item['why']}" for what in ("flagged", "skipped") for item in result[what]]
    return "\n".join(lines)


def _told_by_x(bins: List[Dict[str, Any]]) -> List[str]:
    """A line for each fifth of the picture in which an aim may lie."""
    return [f"{'aim at ' if at == 0 else '':>7}{one['from_px']:3.0f} to {one['to_px']:3.0f} px: " + (
                f"{one['records']} pictures, {one['mean_px']:.1f} px off, in the mean "
                f"{abs(one['bias_x_px']):.1f} px too far {'right' if one['bias_x_px'] > 0 else 'left'}"
                if one["records"] else "no pictures") for at, one in enumerate(bins)]
