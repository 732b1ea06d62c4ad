"""torchvision's nets from PyTorch to an engine, on the CPU: export, doctor, real parser and builder, parity.

A net goes end to end when every TensorRT that is asked about takes its file, as it is or mended, when TensorRT for RTX
parses and builds that, and when it answers in ONNX Runtime as the net does in PyTorch. One that does not is named with
its node, and divided: TensorRT's parts, ONNX Runtime's, and the same answers again.
"""
from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
import onnx
import torch
from torch import nn

from benchmarks import zoo
from benchmarks.measure import progress, table, verdict, working_folder
from benchmarks.torchvision_models import torchvision_models
from jetracer.core.errors import JetRacerError
from jetracer.engine.devices import Version, dotted, parse_version
from jetracer.export.onnx import random_pictures
from jetracer.graph import real_parser
from jetracer.graph.diagnose import Trouble, diagnose
from jetracer.graph.extract import same_answers, take_apart
from jetracer.graph.mend import mend
from jetracer.graph.operators import VERSIONS
from jetracer.graph.prove import WITHIN, agree, runner
from jetracer.graph.view import view

# Hard ones among them: branches that meet again, shuffled channels, attention, windows that roll, and Resize
NETS = ("alexnet", "squeezenet1_1", "resnet50", "densenet121", "googlenet", "inception_v3", "shufflenet_v2_x1_0",
        "mobilenet_v3_large", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "vit_b_32", "swin_t",
        "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")
QUICK = ("squeezenet1_1", "shufflenet_v2_x1_0", "lraspp_mobilenet_v3_large")
PICTURES = 4
GOAL = 14


class Segments(nn.Module):
    """uint8 (1,S,S,3) -> scores of classes for each pixel, at the picture's size: a Resize at the end."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = zoo.Graph(net)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.net(image)["out"]


def measure(quick: bool, road: str) -> Dict[str, Any]:
    names = QUICK if quick else NETS
    found: List[Dict[str, Any]] = []
    with working_folder() as folder:
        for name in names:
            progress(f"end_to_end: {name}")
            found.append(_net(name, Path(folder)))
            gc.collect()
    return {"nets": found, "whole": sum(one["whole"] for one in found), "within": WITHIN,
            "tensorrt": [dotted(version) for version in VERSIONS]}


def _net(name: str, folder: Path) -> Dict[str, Any]:
    """One row; `failed` says at which step it ended, and why."""
    told: Dict[str, Any] = {"net": name, "whole": False}
    path = folder / f"{name}.onnx"
    try:
        graph = _export(name, path, told)
        model = onnx.load(str(path))
        mended = _doctor(model, told)
        _build(mended, told)
        _parity(graph, mended, told)
        if told["left"]:
            told["way"] = _around(mended, told["left"])
    except (JetRacerError, RuntimeError) as error:
        told["failed"] = " ".join(str(error).split())[:300]
    finally:
        path.unlink(missing_ok=True)
    told["whole"] = "failed" not in told and not told["left"] and told["built"] is not False and told["same"]
    return told


def _export(name: str, path: Path, told: Dict[str, Any]) -> nn.Module:
    began_s = time.monotonic()
    if name in zoo.NETS or name == "mobilenet_v3_large":
        net = zoo.NETS.get(name, zoo.Net(name))
        graph: nn.Module = zoo.Graph(zoo.settled(_awake(zoo.theirs(name)), net.size_px))
    else:
        net = zoo.Net(name)
        made = torchvision_models().segmentation.__dict__[name](weights=None, weights_backbone=None,
                                                                num_classes=zoo.CLASSES)
        graph = Segments(zoo.settled(made, net.size_px))
    zoo.export(graph, path, net, ["scores"])
    told.update(size_px=net.size_px, opset=net.opset, mb=round(path.stat().st_size / 1e6, 1),
                export_s=round(time.monotonic() - began_s, 1))
    return graph.eval()


def _awake(net: nn.Module) -> nn.Module:
    """With weights in a head that begins with zeros, as a vision transformer's: else all answers would be alike."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.Linear) and not module.weight.any():
            nn.init.normal_(module.weight, std=0.02)
    return net


def _doctor(model: Any, told: Dict[str, Any]) -> Any:
    """The model, mended where that is mechanical and the answers stay."""
    before = diagnose(view(model))
    told.update(nodes=len(model.graph.node), found=sorted({one.rule for one in before}), fixed=[], left=[])
    if not before:
        return model
    mended = mend(model)
    same, worst = agree(model, mended.model) if mended.done else (True, 0.0)
    if not same:
        told["left"] = [str(one) for one in before]
        told["mend_differs"] = worst
        return model
    told.update(fixed=mended.done, mend_difference=worst,
                left=[_short(one) for one in mended.left if one.status == "fail"])
    return mended.model


def _short(trouble: Trouble) -> str:
    return f"{trouble.node or 'the model'} ({trouble.op}) {trouble.detail}: TensorRT {', '.join(trouble.refused)}"


def _build(model: Any, told: Dict[str, Any]) -> None:
    """By TensorRT for RTX, which has 11's parser and builder; None where it is not installed."""
    began_s = time.monotonic()
    words = real_parser.build(model.SerializeToString())
    told.update(built=not words[0].refused if words else None, build_s=round(time.monotonic() - began_s, 1),
                refused=words[0].refused[:1] if words else [])


@torch.no_grad()
def _parity(graph: nn.Module, model: Any, told: Dict[str, Any]) -> None:
    run, worst = runner(model), 0.0
    for image in random_pictures(PICTURES, 0, told["size_px"]):
        wanted = graph(torch.from_numpy(image[None])).numpy()
        answer = run({"image": image[None]})["scores"]
        apart = float(np.abs(answer - wanted).max() / np.ptp(wanted))  # not a number where all scores are alike
        worst = apart if not apart <= worst else worst
    told.update(difference=worst, same=bool(worst <= WITHIN))


def _around(model: Any, left: List[str]) -> Dict[str, Any]:
    """Parts for the first TensorRT that refuses something, and whether they answer as the whole."""
    version: Version = parse_version(left[0].rsplit("TensorRT ", 1)[1].split(",")[0])
    divided = take_apart(model, version)
    return {"tensorrt": dotted(version), "parts": [part.runs for part in divided.parts],
            "difference": same_answers(model, divided)}


def show(result: Dict[str, Any]) -> str:
    rows = [(one["net"], one.get("opset"), one.get("nodes"), ", ".join(one.get("found", ())) or "nothing",
             ", ".join(one.get("fixed", ())) or "-", {True: "yes", False: "no", None: "-"}[one.get("built")],
             _power(one.get("difference")), "yes" if one["whole"] else "NO") for one in result["nets"]]
    lines = [table(rows, ("net", "opset", "nodes", "doctor finds", "mended by", "built", "difference", "whole"))]
    for one in result["nets"]:
        if not one["whole"]:
            lines.append(f"  {one['net']}: {one.get('failed') or '; '.join(one['left'] or one['refused'])}"
                         + (f" -> parts for TensorRT {one['way']['tensorrt']}: {', '.join(one['way']['parts'])}, "
                            f"difference {one['way']['difference']:.1g}" if "way" in one else ""))
    enough: Optional[bool] = result["whole"] >= GOAL if len(result["nets"]) == len(NETS) else None
    lines.append(f"  {result['whole']} of {len(result['nets'])} go end to end, for TensorRT "
                 f"{', '.join(result['tensorrt'])}; the real parser and builder are TensorRT for RTX's")
    return "\n".join([*lines, verdict(f"{GOAL} of {len(NETS)} nets", enough)])


def _power(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.1g}"
