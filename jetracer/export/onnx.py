"""A trained net as an ONNX file that takes the camera's bytes as they are and carries its own card.

The legacy exporter and opset 13: TensorRT 8.2 on the original Nano reads nothing newer. `Cast` comes before
`Transpose`: TensorRT refuses to transpose bytes. Batch norms are folded into the convolutions before them. So is the
normalisation of pixels into the road net's first layer, which has no padding, so that this is exact; the other nets
pad with their mean grey, and normalise first. What does not depend on the picture is computed here, once.
"""
from __future__ import annotations

import io
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Callable, Tuple

import numpy as np
import onnx
import torch
from torch import nn

from jetracer.core.errors import ModelError
from jetracer.engine.onnx_run import session
from jetracer.graph.fold import simplify
from jetracer.graph.soft_argmax import with_function
from jetracer.models.norms import fold
from jetracer.models.road_net import PICTURE_PX, PIXEL_MEAN, PIXEL_SCALE, POOLED_PX, RoadNet, normalise

OPSET = 13
PARITY = 1e-4  # most that the file and the net may differ, in units of aim and confidence
OUTPUTS = ("aim", "confidence")


class RoadGraph(nn.Module):
    """What the file holds: uint8 (1,S,S,3) BGR -> aim (1,2) in [-1, 1], confidence (1,1) in [0, 1]."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = folded(net)

    def forward(self, image: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        pixels = image.to(torch.float32).permute(0, 3, 1, 2)
        if isinstance(self.net, RoadNet):
            seen = self.net(nn.functional.avg_pool2d(pixels, 2))
        else:
            seen = self.net((pixels - PIXEL_MEAN) * PIXEL_SCALE)
        return seen[0].clamp(-1.0, 1.0), torch.sigmoid(seen[1])


def folded(net: nn.Module) -> nn.Module:
    """A copy without batch norms; of the road net, one that takes bytes instead of normalised pixels."""
    net = deepcopy(net).eval().cpu().to(memory_format=torch.contiguous_format)
    fold(net, POOLED_PX)
    if isinstance(net, RoadNet):
        first = net.stem[0][0]
        with torch.no_grad():  # conv((x - mean) * scale) = conv'(x), because nothing is padded
            first.weight *= PIXEL_SCALE
            first.bias -= PIXEL_MEAN * first.weight.sum(dim=(1, 2, 3))
    return net


def export_road(net: nn.Module, path: Path, size_px: int = PICTURE_PX, opset: int = OPSET) -> float:
    """Write the net's graph for pictures of `size_px`; the largest difference between the two. Raises ModelError."""
    write_graph(RoadGraph(net), path, size_px, OUTPUTS, opset)
    return agree(path, size_px, lambda image: as_trained(net, image))


def write_graph(graph: nn.Module, path: Path, size_px: int, outputs: Tuple[str, ...], opset: int = OPSET,
                any_batch: bool = False) -> None:
    """Write a module that takes `image`, bytes (1,S,S,3), as an ONNX file."""
    write_module(graph, path, torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8), outputs, opset, any_batch)


def write_module(graph: nn.Module, path: Path, example: torch.Tensor, outputs: Tuple[str, ...], opset: int = OPSET,
                 any_batch: bool = False) -> None:
    """Write a module whose input `image` is like `example` as an ONNX file; `any_batch`: or several of them at once."""
    memory = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the legacy one is why it is used
        torch.onnx.export(
            graph.eval(), (example,), memory, opset_version=opset, dynamo=False,
            input_names=["image"], output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in ("image", *outputs)} if any_batch else None,
        )  # fmt: skip
    model = with_function(onnx.load_from_string(memory.getvalue()))
    simplify(model)
    model.producer_name = "jetracer"
    onnx.checker.check_model(model)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def agree(path: Path, size_px: int, wanted: Callable[[np.ndarray], np.ndarray]) -> float:
    """The largest difference between the file and what is `wanted` of it. Raises ModelError when it is too large."""
    worst = difference(path, size_px, wanted)
    if not worst <= PARITY:
        Path(path).unlink()
        raise ModelError(
            f"{path} differs from the net it was made from by {worst:.2g}, over {PARITY:g}, and was deleted; "
            "try another version of torch or onnxruntime."
        )
    return worst


def difference(path: Path, size_px: int, wanted: Callable[[np.ndarray], np.ndarray], frames: int = 16, seed: int = 0
               ) -> float:
    """Largest difference of any output between the file in ONNX Runtime and `wanted`: picture -> all outputs."""
    opened, worst = session(path), 0.0
    for image in random_pictures(frames, seed, size_px):
        answers = opened.run(None, {"image": image[None]})
        worst = max(worst, float(np.abs(np.concatenate([answer[0] for answer in answers]) - wanted(image)).max()))
    return worst


@torch.no_grad()
def as_trained(net: nn.Module, image: np.ndarray) -> np.ndarray:
    """(3,) aim x, aim y, confidence of one picture (S,S,3) by the net itself, nothing folded."""
    pixels = torch.from_numpy(image[None]).permute(0, 3, 1, 2).to(torch.float32)
    if isinstance(net, RoadNet):
        pixels = nn.functional.avg_pool2d(pixels, 2)
    aim, logit = net.eval()(normalise(pixels))
    return torch.cat([aim.clamp(-1.0, 1.0), torch.sigmoid(logit)], dim=1)[0].numpy()


def random_pictures(count: int, seed: int, size_px: int = PICTURE_PX) -> np.ndarray:
    """(count,S,S,3) uint8: static of different grain, so that edges of all sizes occur."""
    random = np.random.default_rng(seed)
    pictures = np.empty((count, size_px, size_px, 3), np.uint8)
    for index in range(count):
        grain = 1 << (index % 6)
        cells = -(-size_px // grain)
        small = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        pictures[index] = small.repeat(grain, 0).repeat(grain, 1)[:size_px, :size_px]
    return pictures
