"""`jetracer export onnx`: weights of NVIDIA's notebooks, or of `jetracer train`, as a model file that drives.

`jetracer export torch2trt`: such weights as a TRTModule for a notebook that loads one; on a Jetson with torch2trt.
"""
from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any, Dict, List

from jetracer.cli.needs import needs
from jetracer.cli.parser import Parser

LAST_NAMES = {"onnx": ".onnx", "torch2trt": "_trt.pth"}  # as NVIDIA's notebook calls it


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    source = Path(options.source).expanduser()
    target = Path(options.out) if options.out else source.with_name(source.stem + LAST_NAMES[options.to])
    if options.to == "onnx":
        result = _onnx(options, source, target, shlex.join(["jetracer", "export", *arguments]))
        words = told(result)
    else:
        result = _torch2trt(options, source, target)
        words = _module_told(result)
    print(json.dumps(result) if options.json else words)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer export", description=__doc__)
    add = parser.add_argument
    add("to", choices=tuple(LAST_NAMES), help="what to make")
    add("source", metavar="FILE.pth", help="the state_dict() that the notebook saved")
    add("--category", type=int, default=0, help="onnx: which of its categories drives, counted from 0 (0)")
    add("--color", choices=("bgr", "rgb"), default="bgr",
        help="what it was trained on: bgr as JetRacer's notebook (default), rgb as JetBot's")
    add("--size", type=int, default=224, help="side in px of the picture it was trained on (224)")
    add("--any-batch", action="store_true", help="onnx: it takes several pictures at once, too")
    add("--precision", choices=("fp16", "int8"), default="fp16", help="torch2trt: default fp16, as the notebook")
    add("--data", metavar="SET", default="sim", help="torch2trt: pictures to calibrate and compare on; default sim")
    add("--frames", type=int, metavar="N", default=1000, help="torch2trt, INT8: how many pictures calibrate (1000)")
    add("--out", metavar="FILE", default="", help="default: beside the source, FILE.onnx or FILE_trt.pth")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _onnx(options: argparse.Namespace, source: Path, target: Path, command: str) -> Dict[str, Any]:
    needs("torch", "onnx")
    from jetracer.export.nvidia import export_nvidia

    return export_nvidia(source, target, options.category, options.color, options.size, command,
                         options.any_batch)


def _torch2trt(options: argparse.Namespace, source: Path, target: Path) -> Dict[str, Any]:
    needs("torch")
    from jetracer.engine.devices import device_here
    from jetracer.engine.load import sha256_of
    from jetracer.export.torch2trt import Torch2TrtConfig, as_notebook, export_torch2trt, installed
    from jetracer.optimize.int8.frames import pick
    from jetracer.optimize.int8.manifest import hash_of

    convert, int8 = installed(), options.precision == "int8"
    picked = pick(options.data, options.frames if int8 else 1, force=not int8)
    calibrate = list(picked.calibrate.pictures()) if int8 else []
    config = Torch2TrtConfig(options.precision, options.color, options.size)
    # of other weights, pictures, colours or sizes the ranges are others
    seen = hash_of(map(as_notebook(config), calibrate))
    cache = f"{target}.{sha256_of(source)[:8]}-{seen[:8]}.cache" if int8 else ""
    return export_torch2trt(source, target, device_here(), convert, calibrate, list(picked.compare.pictures()), config,
                            cache)


def told(result: Dict[str, Any]) -> str:
    return (f"{result['model']}: {result['net']}, category {result['category']} of {result['categories']}, "
            f"{result['color']}; differs from the weights by {result['export_difference']:.1g}\n"
            f"Drive with it: jetracer drive --road {result['model']} --control.name aim")


def _module_told(result: Dict[str, Any]) -> str:
    half, aim = result["precision"] == "fp16", result["aim_px"]
    calibrated = "" if half else f", calibrated on {result['calibrated']} pictures (ranges: {result['cache']})"
    return (f"{result['module']}: {result['net']} in {result['precision'].upper()}{calibrated}\n"
            f"On {result['compared']} other pictures its aim moves by {aim['mean']:.2g} px of 224, at most "
            f"{aim['max']:.2g}.\n"
            f"For a notebook's TRTModule; it takes {'halves' if half else 'float32: leave out .half()'}. "
            f"What drives here: jetracer export onnx, then jetracer build.")
