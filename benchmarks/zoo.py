"""Well-known nets to measure with: ours and torchvision's, random weights, as files that take the camera's bytes.

    zoo.write("densenet121", folder) -> folder/densenet121.onnx, with a card: `load_engine` runs it

The nets that the latency predictor is judged by are named here, apart from those that anything is chosen by.
"""
from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

import onnx
import torch
from torch import nn

from benchmarks.torchvision_models import torchvision_models
from jetracer.core.errors import ModelError
from jetracer.engine.card import ModelCard, ModelInput, write_card
from jetracer.export.onnx import RoadGraph, random_pictures
from jetracer.models.backbones import make_net
from jetracer.models.road_net import PIXEL_MEAN, PIXEL_SCALE, POOLED_PX, normalise

CLASSES = 10
SETTLE_BATCH = 4


@dataclass(frozen=True)
class Net:
    """One net of the zoo and the picture it takes."""

    name: str
    size_px: int = 224
    own: bool = False  # of jetracer/models: aim and confidence; else torchvision's: scores of CLASSES classes
    opset: int = 13  # what TensorRT 8.2 reads


_OWN = ("road_net", "pilotnet", "efficientnet_lite0", "resnet18", "mobilenet_v2", "mobilenet_v3_small",
        "mobilenet_v3_large")
_THEIRS = ("alexnet", "resnet50", "resnext50_32x4d", "densenet121", "googlenet", "squeezenet1_1", "shufflenet_v2_x1_0",
           "mnasnet1_0", "efficientnet_b0", "regnet_y_400mf", "regnet_x_800mf", "convnext_tiny")
# The nets that the latency predictor is judged by. It was never calibrated or changed by what they took.
JUDGES: Dict[str, Net] = {
    **{name: Net(name, own=True) for name in _OWN}, **{name: Net(name) for name in _THEIRS},
    "inception_v3": Net("inception_v3", 299),
}
NETS: Dict[str, Net] = {**JUDGES, "resnet34": Net("resnet34", own=True), "vgg11": Net("vgg11"),
                        "swin_t": Net("swin_t", opset=17), "vit_b_32": Net("vit_b_32", opset=17)}


class Graph(nn.Module):
    """uint8 (1,S,S,3) BGR -> scores (1,CLASSES), normalised as our own nets are."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.net((image.to(torch.float32).permute(0, 3, 1, 2) - PIXEL_MEAN) * PIXEL_SCALE)


def build(name: str, seed: int = 0) -> nn.Module:
    """The net itself, for normalised pictures (N,3,S,S), in use mode. Raises KeyError, DeviceError without torchvision.

    Its batch norms have seen pictures: with the statistics they are made with, the numbers of a deep net with random
    weights fade to nothing, and nothing is faster, or far slower, to multiply.
    """
    net = NETS[name]
    torch.manual_seed(seed)
    made = make_net(name) if net.own else theirs(name)
    return settled(made, POOLED_PX if name == "road_net" else net.size_px)


def theirs(name: str) -> nn.Module:
    options: Dict[str, Any] = {"num_classes": CLASSES}
    if name in ("googlenet", "inception_v3"):
        options.update(aux_logits=False, init_weights=False)
    return torchvision_models().get_model(name, weights=None, **options)


@torch.no_grad()
def settled(net: nn.Module, size_px: int) -> nn.Module:
    """The same net, in use mode, its batch norms with the statistics of pictures of all grains."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean of what was seen, not a running one
    if norms:
        pictures = torch.from_numpy(random_pictures(SETTLE_BATCH, 0, size_px)).permute(0, 3, 1, 2)
        net.train()(normalise(pictures))
    return net.eval()


def write(name: str, folder: Path, seed: int = 0) -> Path:
    """folder/NAME.onnx, checked and with a card; one that is there already stays."""
    net, path = NETS[name], Path(folder) / f"{name}.onnx"
    if path.exists():
        return path
    made = build(name, seed)
    outputs = {"aim": "aim", "confidence": "confidence"} if net.own else {"scores": f"of {CLASSES} classes"}
    part = path.with_suffix(".part")
    export(RoadGraph(made) if net.own else Graph(made), part, net, list(outputs))
    write_card(part, ModelCard(task="road", name=name, input=ModelInput(width=net.size_px, height=net.size_px),
                               outputs=outputs, precision="fp32"))
    return part.replace(path)


def export(graph: nn.Module, path: Path, net: Net, outputs: List[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(1, net.size_px, net.size_px, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the legacy exporter says of itself that it is one
        torch.onnx.export(graph.eval(), (example,), str(path), opset_version=net.opset, dynamo=False,
                          input_names=["image"], output_names=outputs)
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise ModelError(f"{net.name} did not become a valid model ({error}).") from error
