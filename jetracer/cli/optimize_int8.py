"""`jetracer optimize int8`: 8-bit weights and activations, calibrated on pictures; one file for CPUs, one for GPUs."""
from __future__ import annotations

import argparse
import shlex
import sys
from typing import List

from jetracer.cli.optimize import show
from jetracer.cli.parser import Parser
from jetracer.engine.load import find_model


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    from jetracer.optimize.int8.make import Int8Config, int8  # only now: help needs no onnx

    model = find_model(options.model)
    config = Int8Config(
        out=options.out, method=options.method, frames=options.frames, keep=tuple(options.keep), cache=options.cache,
        budget=options.budget, sensitivity=options.sensitivity, force=options.force,
        command=shlex.join(["jetracer", "optimize", "int8", *arguments]))
    return show(int8(str(model), options.data, config, _progress), options.json)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer optimize int8", description=__doc__)
    add = parser.add_argument
    add("model", metavar="MODEL", help="an ONNX file with a card, in FP32, or a shipped model's name")
    add("--data", metavar="SET", default="sim", help="pictures to calibrate with: any data set, or sim (default)")
    add("--method", metavar="NAME", default="percentile",
        help="percentile (default; percentile:99.99 sets what is kept), minmax, entropy or mse")
    add("--frames", type=int, metavar="N", default=1000, help="how many pictures calibrate (1000)")
    add("--keep", metavar="NODE", action="append", default=[], help="leave this node in float; can be given again")
    add("--budget", metavar="PERCENT", type=float, default=0.2,
        help="of the picture's width by which the aim's mean error may rise (0.2); else INT8 is repaired")
    add("--sensitivity", action="store_true", help="what each layer alone costs, with a page of bars")
    add("--cache", metavar="FILE", default="",
        help="a calibration instead of pictures: a manifest (.json) or TensorRT's calibration cache")
    add("--out", metavar="FOLDER", default="", help="default: beside the model")
    add("--force", action="store_true", help="calibrate with fewer than 500 pictures")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _progress(what: str, done: int, total: int) -> None:
    """A line that is written over on a terminal, else ten lines."""
    if sys.stderr.isatty():
        print(f"\r{what} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done * 10 // total > (done - 1) * 10 // total:
        print(f"{what} {done}/{total}", file=sys.stderr, flush=True)
