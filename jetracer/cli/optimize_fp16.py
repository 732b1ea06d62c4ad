"""`jetracer optimize fp16`: weights and activations in half precision, what would suffer from it in FP32."""
from __future__ import annotations

import argparse
import shlex
from typing import List

from jetracer.cli.optimize import frames_of, show
from jetracer.cli.parser import Parser
from jetracer.cli.stage import stage
from jetracer.engine.load import find_model


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    from jetracer.optimize.fp16 import Fp16Config, fp16  # only now: help needs no onnx

    model = find_model(options.model)
    config = Fp16Config(out=options.out, budget=options.budget,
                        command=shlex.join(["jetracer", "optimize", "fp16", *arguments]))
    with stage("gathering pictures"):
        frames = frames_of(options.data, options.frames)
    with stage("casting, and comparing with FP32"):
        report = fp16(str(model), frames, config)
    return show(report, options.json)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer optimize fp16", description=__doc__)
    add = parser.add_argument
    add("model", metavar="MODEL", help="an ONNX file with a card, in FP32, or a shipped model's name")
    add("--data", metavar="SET", default="", help="pictures to measure on: any data set; default: simulated ones")
    add("--frames", type=int, metavar="N", default=32, help="how many pictures (32)")
    add("--budget", type=float, metavar="PERCENT", default=0.2,
        help="of the picture's width by which the aim may move on any of them (0.2)")
    add("--out", metavar="FILE.onnx", default="", help="default: MODEL.fp16.onnx beside it")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser
