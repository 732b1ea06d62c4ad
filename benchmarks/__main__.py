"""Measure the published figures: python -m benchmarks [NAME ...] [--quick] [--road MODEL] [--json]"""
from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from typing import Any, Dict, List, Optional

from benchmarks.measure import machine, progress
from jetracer.core.errors import JetRacerError
from jetracer.core.registry import unknown

FIGURES = {
    "overhead": "from the camera's time stamp to the motor registers, beside Donkey's loop",
    "sixty_hz": "the shipped model at 60 Hz for ten minutes: how even, how old the frames",
    "hogs": "100 Hz beside two CPU hogs, with real-time mode and without",
    "recording": "what recording 60 frames/s costs the drive loop, and what a power cut costs the recording",
    "startup": "how soon `drive --sim` and the guard are ready, and how much memory a drive takes",
    "slow_reader": "how old pictures grow in front of a reader that is slower than its camera",
    "power": "how soon battery and heat slow and stop the car, and what the guard's turns take",
    "renderer": "pictures a second of the simulated camera, and how fast lockstep runs",
    "lag": "time off the track with 150 ms from picture to decision, compensated and not",
    "speeds": "one model at half to twice its training speed: does the car stay in its lane",
    "preprocessing": "from the camera's picture to the network's input, beside the route of NVIDIA's notebooks",
    "tub": "how fast a Donkey tub is read and imported",
    "gate": "what the parity gate rejects of networks that were made wrong, and of right ones",
    "int8": "INT8 beside FP32: latency, size, how far the aim moves, and whether it still drives",
    "real_data": "trained on real pictures: error and speed beside NVIDIA's recipe",
    "end_to_end": "torchvision's nets from PyTorch to an engine on the CPU: export, doctor, real parser, parity",
    "old_runtime": "every exported file on the original Nano's newest ONNX Runtime: does it load and agree",
    "predictor": "how well a net's latency is predicted from its graph: twenty nets it was not calibrated on",
}


def main(arguments: Optional[List[str]] = None) -> int:
    """Returns 0 when all was measured, 1 when a figure could not be, 2 for a wrong name."""
    options = _parser().parse_args(arguments)
    wrong = [name for name in options.names if name not in FIGURES]
    if wrong:
        print(f"benchmarks: {unknown('benchmark', wrong[0], FIGURES)}", file=sys.stderr)
        return 2
    results: Dict[str, Any] = {"machine": machine(), "quick": options.quick}
    print(f"Machine: {results['machine']['text']}")
    names = options.names or list(FIGURES)
    for name in names:
        results[name] = _figure(name, options)
    results["machine"]["load_after"] = machine()["load"]
    if options.json:
        print(json.dumps(results))
    return 1 if any("failed" in results[name] for name in names) else 0


def _figure(name: str, options: argparse.Namespace) -> Dict[str, Any]:
    """Measure one figure and print its table; {"failed": why} when it cannot be measured."""
    progress(f"{name}: {FIGURES[name]}")
    try:
        module = import_module(f"benchmarks.{name}")
        result = module.measure(options.quick, options.road)
        text = module.show(result)
    except JetRacerError as error:
        result, text = {"failed": str(error)}, f"  not measured: {error}"
    except ModuleNotFoundError as error:  # those that train need more than a car does
        result = {"skipped": f"it needs {error.name}: pip install -e '.[train]'"}
        text = f"  skipped: {result['skipped']}"
    print(f"\n{name}: {FIGURES[name]}\n{text}", flush=True)
    return result


def _parser() -> argparse.ArgumentParser:
    figures = "\n".join(f"  {name:<13} {text}" for name, text in FIGURES.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=f"{__doc__}\n\n{figures}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="which figures; default: all, which takes more than half an hour")
    add("--quick", action="store_true", help="few repetitions: does it work, roughly how fast")
    add("--road", default="road", metavar="MODEL", help="road model; default: the shipped one")
    add("--json", action="store_true", help="all results as one JSON object on the last line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
