"""`jetracer train road`: a road model from labelled or driven pictures, as a file that drives, with a report.

`jetracer train loop`: from few labels; see jetracer train loop --help
"""
from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List

from jetracer.cli.needs import needs
from jetracer.cli.parser import Parser
from jetracer.core.registry import unknown

WHAT = ("road", "loop")
CUT_OFF = 130  # exit code of what Ctrl-C ended


def main(arguments: List[str]) -> int:
    if arguments[:1] == ["loop"]:
        from jetracer.cli.train_loop import main as loop

        return loop(arguments[1:])
    if arguments and arguments[0] not in WHAT and not arguments[0].startswith("-"):
        raise unknown("training", arguments[0], WHAT)
    options, rest = _parser().parse_known_args(arguments)
    folder = Path(options.out or f"runs/{Path(options.sets[0]).resolve().name}-{options.net}")
    try:
        result = _train(options, rest, folder, shlex.join(["jetracer", "train", *arguments]))
    except KeyboardInterrupt:
        kept = (folder / "last.pth").exists()
        print("\nStopped. " + (f"What was learned is in {folder}; the same command goes on from there." if kept else
                               "Not one epoch was finished, so nothing is kept."), file=sys.stderr)
        return CUT_OFF
    if result and options.json:
        print(json.dumps(result))
    elif result:
        print(told(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="jetracer train", description=__doc__,
        epilog="All other options of the training work too, such as --share 0.1, --train.epochs 100 or "
               "--train.augment.flip 0.5. The same command with the same --out goes on where it was cut off.")
    add = parser.add_argument
    add("what", choices=("road",), help="what to train")
    add("sets", nargs="+", metavar="SET", help="data sets of any kind that `jetracer data` reads")
    add("--net", default="road_net", help="resnet18, efficientnet_lite0, ...; default: the one that ships, road_net")
    add("--start", metavar="WHAT", default="",
        help="first weights: road (the shipped model), imagenet, none, or a file: .pth, .onnx; "
             "default: road for road_net, imagenet for the others")
    add("--size", type=int, metavar="PX", default=224, help="side in px of the picture that the model takes (224)")
    add("--camera", metavar="FILE", default="",
        help="for driven pictures: what `jetracer calibrate camera` wrote, sim, or none")
    add("--delay-s", type=float, default=0.0, metavar="S",
        help="from picture to wheels, in seconds; shifts driven labels (0)")
    add("--out", metavar="FOLDER", help="default: runs/SET-NET")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _train(options: argparse.Namespace, rest: List[str], folder: Path, command: str) -> Dict[str, Any]:
    needs("torch", "onnx")
    from jetracer.core.config import override
    from jetracer.export.road import make_road
    from jetracer.models.backbones import BACKBONES
    from jetracer.train.config import RoadConfig
    from jetracer.train.ddp import team
    from jetracer.train.progress import Bar

    BACKBONES.get(options.net)  # a wrong name is told before anything is read
    base = RoadConfig(options.net, options.start, options.size, delay_s=options.delay_s, camera=options.camera)
    config = override(base, rest)
    with team() as ours:
        return make_road(options.sets, config, folder, ours, Bar(_say, "training", sys.stderr.isatty()), command)


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def told(result: Dict[str, Any]) -> str:
    rows = [
        ("started", result["started"]),
        ("pictures", f"{result['frames']} trained on, {result['val_frames']} validated on, parted {result['parted']}"),
        ("error", f"{result['val_error_px']:.1f} px of 224 on average ({result['val_error_rel']:.1%}), sideways "
                  f"{result['val_error_x_px']:.1f} px; answering the mean: {result['mean_error_px']:.1f} px"),
        ("left out", f"{len(result['left_out'])} pictures; the report says why" if result["left_out"] else "nothing"),
        ("report", result["report"]),
        ("model", result["model"]),
    ]
    return "\n".join(f"{name:<9} {text}" for name, text in rows)
