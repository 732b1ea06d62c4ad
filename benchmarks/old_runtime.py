"""All that is exported, on the original Nano's newest ONNX Runtime: 1.19.2 under Python 3.8.

Every net is exported here, with torch, at both opsets, and brought to FP16 and to INT8 in both flavours; so is the
shipped model. `.venv-3.8`, which `make pythons` makes, then answers the same pictures (`answers.py`). Where its answers
differ by more than rounding explains, the file does not do on that car.
"""
from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Iterator, Sequence

import numpy as np
import onnx
import torch

from benchmarks.answers import ask
from benchmarks.measure import ROOT, progress, run_module, table, verdict
from jetracer.core.errors import DeviceError
from jetracer.engine.card import ModelCard, ModelInput, write_card
from jetracer.engine.load import find_model
from jetracer.export.onnx import OUTPUTS, RoadGraph, random_pictures, write_graph
from jetracer.models.backbones import BACKBONES, OWN, make_net
from jetracer.models.road_net import PICTURE_PX
from jetracer.optimize.fp16 import BY_KIND
from jetracer.optimize.half import to_half
from jetracer.optimize.int8.calibrators import calibrate
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.run import read_model

PYTHON = ROOT / ".venv-3.8" / "bin" / "python"
OLD = "1.19.2"
OPSETS = (13, 17)
SHIPPED = "shipped road"
QUICK = ("road_net", "pilotnet")
PICTURES, SIDE = 6, 96
# Largest difference of an answer, in parts of the answers' standard deviation over the pictures: FP32 differs by the
# order of its sums; in INT8 a number that lies between two steps may be rounded to the other one
WITHIN = {"fp32": 1e-3, "fp16": 1e-2, "int8-cpu": 0.25, "int8-trt": 0.25}


def measure(quick: bool, road: str) -> Dict[str, Any]:
    """{"nets": {net: {"form opset": largest difference, or why it failed}}, "python", "onnxruntime", "goal_met"}

    Raises DeviceError where there is no such environment.
    """
    nets: Dict[str, Dict[str, Any]] = {}
    told: Dict[str, Any] = {}
    for name in (*(QUICK if quick else BACKBONES.names), SHIPPED):
        progress(f"old_runtime: {name}")
        with TemporaryDirectory() as folder:
            place = Path(folder)
            size_px = write_shipped(find_model(road), place) if name == SHIPPED else write_models(name, place)
            told = beside_old(place, size_px)
        nets[name] = {" ".join(stem.split(".")[1:]): worst(answer) for stem, answer in told["models"].items()}
    met = all(fits(form, one) for net in nets.values() for form, one in net.items())
    return {"nets": nets, "python": told["python"], "onnxruntime": told["onnxruntime"], "goal_met": met,
            "files": sum(len(net) for net in nets.values())}


def write_models(name: str, folder: Path, opsets: Sequence[int] = OPSETS, small: Sequence[int] = OPSETS) -> int:
    """The net with random weights in FP32 at each of `opsets`, at those of `small` also in every other form.

    Returns its pictures' size in px.
    """
    size_px = PICTURE_PX if name == OWN else SIDE
    net = settled(name, size_px // 2 if name == OWN else size_px)
    card = ModelCard("road", name, "fp32", ModelInput(width=size_px, height=size_px),
                     {"aim": "aim", "confidence": "confidence"})
    for opset in opsets:
        path = folder / f"{name}.fp32.{opset}.onnx"
        write_graph(RoadGraph(net), path, size_px, OUTPUTS, opset)
        write_card(path, card)
        if opset in small:
            write_forms(onnx.load(str(path)), folder, name, opset, size_px)
    return size_px


def write_shipped(path: Path, folder: Path) -> int:
    """Likewise of a model that is a file already, at its own opset."""
    graph, card = read_model(path)
    opset = next(entry.version for entry in graph.opset_import if entry.domain in ("", "ai.onnx"))
    onnx.save(graph, str(folder / f"{path.stem}.fp32.{opset}.onnx"))
    write_forms(graph, folder, path.stem, opset, card.input.width)
    return card.input.width


def write_forms(graph: onnx.ModelProto, folder: Path, name: str, opset: int, size_px: int) -> None:
    """FP16, and INT8 in both flavours, as `jetracer optimize` writes them."""
    kept = {node.output[0] for node in graph.graph.node if node.op_type in BY_KIND}
    onnx.save(to_half(graph, kept), str(folder / f"{name}.fp16.{opset}.onnx"))
    ranged = calibrate(graph, (picture[None] for picture in random_pictures(4, 5, size_px)), "minmax")
    for flavour, form in (("cpu", "int8-cpu"), ("tensorrt", "int8-trt")):
        onnx.save(quantise(graph, ranged, flavour, weight_bits=7), str(folder / f"{name}.{form}.{opset}.onnx"))


def settled(name: str, size_px: int) -> torch.nn.Module:
    """A net with random weights whose norms have seen pictures, and whose answers stay within what a file clamps."""
    torch.manual_seed(0)
    net = make_net(name).train()
    pictures = torch.randn(4, 3, size_px, size_px) * 0.7 + 0.2
    with torch.no_grad():
        net(pictures)
        last = [layer for layer in net.eval().modules() if isinstance(layer, torch.nn.Linear)][-1]
        largest = float(torch.cat(net(pictures), dim=1).abs().max())
        last.weight *= 0.3 / largest
        last.bias *= 0.3 / largest
    return net


def beside_old(folder: Path, size_px: int) -> Dict[str, Any]:
    """What `answers.py` says about the models of `folder` under the old Python. Raises DeviceError."""
    if not PYTHON.exists():
        raise DeviceError(f"There is no {PYTHON.parent.parent.name} with ONNX Runtime {OLD}: install Python 3.8 and "
                          "run `make pythons`.")
    pictures = random_pictures(PICTURES, 1, size_px)
    wanted: Dict[str, np.ndarray] = {}
    for path in folder.glob("*.onnx"):
        wanted[f"{path.stem}/pictures"] = pictures
        wanted.update({f"{path.stem}/{output}": values for output, values in ask(path, pictures).items()})
    np.savez(folder / "answers.npz", **wanted)
    return run_module(PYTHON, "benchmarks.answers", [str(folder)], 250, {"PYTHONWARNINGS": "error"})


def worst(answer: Dict[str, Any]) -> Any:
    """The largest difference of any output, in parts of the answers' spread; in words why there is none."""
    return max(answer["apart"].values()) if "apart" in answer else answer["failed"]


def fits(form: str, found: Any) -> bool:
    """`form`: as in the table, "int8-cpu 13". Not a number does not fit."""
    return not isinstance(found, str) and found <= WITHIN[form.split(maxsplit=1)[0]]


def show(result: Dict[str, Any]) -> str:
    forms = [f"{form} {opset}" for form in WITHIN for opset in OPSETS]
    rows = [[name, *(_cell(net.get(form)) for form in forms)] for name, net in result["nets"].items()]
    limits = ", ".join(f"{form} {limit:g}" for form, limit in WITHIN.items())
    lines = [table(rows, ["net", *forms]), *_failed(result),
             f"  {result['files']} files on ONNX Runtime {result['onnxruntime']}, Python {result['python']}; largest "
             f"difference in parts of the answers' spread, allowed {limits}"]
    return "\n".join([*lines, verdict("every file loads and agrees there", result["goal_met"])])


def _cell(found: Any) -> str:
    return "-" if found is None else "failed" if isinstance(found, str) else f"{found:.0e}" if found else "0"


def _failed(result: Dict[str, Any]) -> Iterator[str]:
    for name, net in result["nets"].items():
        for form, found in net.items():
            if isinstance(found, str):
                yield f"  {name}, {form}: {found}"
