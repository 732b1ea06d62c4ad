"""`jetracer export onnx`: weights of NVIDIA's notebooks, or of `jetracer train`, as a model file that drives."""
from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any, Dict, List

from jetracer.cli.needs import needs
from jetracer.cli.parser import Parser


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    source = Path(options.source).expanduser()
    target = Path(options.out) if options.out else source.with_suffix(".onnx")
    result = _onnx(options, source, target, shlex.join(["jetracer", "export", *arguments]))
    print(json.dumps(result) if options.json else told(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer export", description=__doc__)
    add = parser.add_argument
    add("to", choices=("onnx",), help="what to make")
    add("source", metavar="FILE.pth", help="the state_dict() that the notebook saved")
    add("--category", type=int, default=0, help="which of its categories drives, counted from 0 (0)")
    add("--color", choices=("bgr", "rgb"), default="bgr",
        help="what it was trained on: bgr as JetRacer's notebook (default), rgb as JetBot's")
    add("--size", type=int, default=224, help="side in px of the picture it was trained on (224)")
    add("--out", metavar="FILE.onnx", help="default: beside the source")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _onnx(options: argparse.Namespace, source: Path, target: Path, command: str) -> Dict[str, Any]:
    needs("torch", "onnx")
    from jetracer.export.nvidia import export_nvidia

    return export_nvidia(source, target, options.category, options.color, options.size, command)


def told(result: Dict[str, Any]) -> str:
    return (f"{result['model']}: {result['net']}, category {result['category']} of {result['categories']}, "
            f"{result['color']}; differs from the weights by {result['export_difference']:.1g}\n"
            f"Drive with it: jetracer drive --road {result['model']} --control.name aim")
