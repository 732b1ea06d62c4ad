"""A trained net as an ONNX file that takes the camera's bytes as they are and carries its own card.

The legacy exporter and opset 13: TensorRT 8.2 on the original Nano reads nothing newer. `Cast` comes before
`Transpose`: TensorRT refuses to transpose bytes. Batch norms and the normalisation of pixels are folded into
the convolutions first; the road net's first layer has no padding, so that this is exact.
"""
from __future__ import annotations

import io
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Tuple

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from jetracer.core.errors import ModelError
from jetracer.models.road_net import PICTURE_PX, PIXEL_MEAN, PIXEL_SCALE, RoadNet

OPSET = 13
PARITY = 1e-4  # most that the file and the net may differ, in units of aim and confidence


class RoadGraph(nn.Module):
    """What the file holds: uint8 (1,224,224,3) BGR -> aim (1,2) in [-1, 1], confidence (1,1) in [0, 1]."""

    def __init__(self, net: RoadNet) -> None:
        super().__init__()
        self.net = folded(net)

    def forward(self, image: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        pixels = image.to(torch.float32).permute(0, 3, 1, 2)
        aim, logit = self.net(nn.functional.avg_pool2d(pixels, 2))
        return aim.clamp(-1.0, 1.0), torch.sigmoid(logit)


def folded(net: RoadNet) -> RoadNet:
    """A copy without batch norms that takes bytes instead of normalised pixels."""
    net = deepcopy(net).eval().to(memory_format=torch.contiguous_format)
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            fold_norms(module)
    first = net.stem[0][0]
    with torch.no_grad():  # conv((x - mean) * scale) = conv'(x), because nothing is padded
        first.weight *= PIXEL_SCALE
        first.bias -= PIXEL_MEAN * first.weight.sum(dim=(1, 2, 3))
    return net


def fold_norms(layers: nn.Sequential) -> None:
    """Every convolution followed by a batch norm -> one convolution, in place."""
    for index in range(len(layers) - 1):
        if isinstance(layers[index], nn.Conv2d) and isinstance(layers[index + 1], nn.BatchNorm2d):
            layers[index] = fuse_conv_bn_eval(layers[index], layers[index + 1])
            layers[index + 1] = nn.Identity()


def export_road(net: RoadNet, path: Path) -> float:
    """Write the net's graph to `path` and compare the two: the largest difference. Raises ModelError."""
    graph = RoadGraph(net).eval()
    example = torch.zeros(1, PICTURE_PX, PICTURE_PX, 3, dtype=torch.uint8)
    memory = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the legacy one is why it is used
        torch.onnx.export(
            graph, (example,), memory, opset_version=OPSET, dynamo=False,
            input_names=["image"], output_names=["aim", "confidence"],
        )  # fmt: skip
    model = onnx.load_from_string(memory.getvalue())
    model.producer_name = "jetracer"
    onnx.checker.check_model(model)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    worst = difference(net, path)
    if not worst <= PARITY:
        raise ModelError(
            f"{path} differs from the net it was made from by {worst:.2g}, over {PARITY:g}: do not use it."
        )
    return worst


def difference(net: RoadNet, path: Path, frames: int = 16, seed: int = 0) -> float:
    """Largest difference of any output between the net in torch and the file in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for image in random_pictures(frames, seed):
        aim, confidence = session.run(["aim", "confidence"], {"image": image[None]})
        wanted = as_trained(net, image)
        worst = max(worst, float(np.abs(np.concatenate([aim[0], confidence[0]]) - wanted).max()))
    return worst


@torch.no_grad()
def as_trained(net: RoadNet, image: np.ndarray) -> np.ndarray:
    """(3,) aim x, aim y, confidence of one picture (224,224,3) by the net itself, nothing folded."""
    pixels = torch.from_numpy(image[None]).permute(0, 3, 1, 2).to(torch.float32)
    pixels = (nn.functional.avg_pool2d(pixels, 2) - PIXEL_MEAN) * PIXEL_SCALE
    aim, logit = net.eval()(pixels)
    return torch.cat([aim.clamp(-1.0, 1.0), torch.sigmoid(logit)], dim=1)[0].numpy()


def random_pictures(count: int, seed: int) -> np.ndarray:
    """(count,224,224,3) uint8: static of different grain, so that edges of all sizes occur."""
    random = np.random.default_rng(seed)
    pictures = np.empty((count, PICTURE_PX, PICTURE_PX, 3), np.uint8)
    for index in range(count):
        grain = 1 << (index % 6)
        cells = PICTURE_PX // grain
        small = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        pictures[index] = small.repeat(grain, 0).repeat(grain, 1)
    return pictures
