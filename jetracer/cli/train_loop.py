"""`jetracer train loop`: drive, label where the model was unsure or off its line, learn, evaluate, until it passes.

--sim       the simulated car, from random weights; the expert who labels knows the track
--session   recorded drives of a real car: the frames that are worth a label, in a folder for `jetracer data label`
"""
from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List

from jetracer.cli.parser import Parser
from jetracer.core.errors import ConfigError


def main(arguments: List[str]) -> int:
    options, rest = _parser().parse_known_args(arguments)
    if options.sim == bool(options.session):
        raise ConfigError("Either --sim, or --session DRIVE of the real car; see: jetracer train loop --help")
    if options.session and rest:
        raise ConfigError(f"{rest[0]} does not go with --session; see: jetracer train loop --help")
    if options.sim:
        result = _simulated(options, rest, shlex.join(["jetracer", "train", "loop", *arguments]))
        said = told(result)
    else:
        result = _recorded(options)
        said = told_queue(result)
    print(json.dumps(result) if options.json else said)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="jetracer train loop", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="All options of the loop work with --sim, such as --frames 300, --minutes 5, --rounds 3, --workers 4 "
               "(jetracer/export/loop.py).")
    add = parser.add_argument
    add("--sim", action="store_true", help="in simulation, from nothing")
    add("--session", nargs="+", metavar="DRIVE", help="recorded drives: run folders or session.mcap files")
    add("--road", metavar="MODEL", default="road", help="with --session: the model whose doubts count")
    add("--most", type=int, default=100, help="with --session: frames to label at most")
    add("--out", metavar="FOLDER", help="a new folder (runs/loop; with --session runs/queue)")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _simulated(options: argparse.Namespace, rest: List[str], command: str) -> Dict[str, Any]:
    from jetracer.core.config import override
    from jetracer.export.loop import Loop, LoopConfig

    return Loop(override(LoopConfig(), rest), Path(options.out or "runs/loop"), _say, sys.stderr.isatty()).run(command)


def _recorded(options: argparse.Namespace) -> Dict[str, Any]:
    from jetracer.drive.doubt import queue
    from jetracer.engine.load import load_engine

    with load_engine(options.road) as engine:
        return queue(options.session, engine, options.out or "runs/queue", options.most)


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def told(result: Dict[str, Any]) -> str:
    scores = result["evaluation"]
    rows = [
        ("labelled", f"{result['frames']} frames in {len(result['rounds'])} rounds; {result['minutes']:.1f} minutes"),
        ("unseen tracks", f"{scores['success_rate']:.0%} of {scores['episodes']} episodes faultless: "
                          f"{'passed' if result['passed'] else 'not passed'}"),
        ("off track", f"median {scores['off_track_s']['median']:.2f} s, worst {scores['off_track_s']['max']:.2f} s"),
        ("survival", f"worst {scores['survival_s']['min']:.1f} s"),
        ("model", result["model"]),
    ]
    return "\n".join(f"{name:<13} {text}" for name, text in rows)


def told_queue(result: Dict[str, Any]) -> str:
    return (f"{result['frames']} frames in {result['queue']}: {result['taken_over']} around a take-over, "
            f"{result['unsure']} where the model was unsure\n"
            f"next: jetracer data label {result['queue']}    then: jetracer train road {result['queue']}")
