"""The road net: one camera picture in, the aim point and how sure it is out.

A small residual CNN with two heads that are added: a spatial soft-argmax over a 14x14 map (Levine et al.
2016, "End-to-end training of deep visuomotor policies", section 5.1), which keeps the picture's geometry, and
a plain regression, which sees the whole picture and places the aim where the map cannot (at the border,
behind a reflection). The picture is first averaged 2x2, so everything costs what it would at 112x112.

Pictures are uint8 BGR; `normalise` makes them float with one scale for all channels: (pixel - 128) / 64.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import torch
from torch import nn

PIXEL_MEAN = 128.0
PIXEL_SCALE = 1.0 / 64.0
PICTURE_PX = 224  # what the shipped graph takes
POOLED_PX = 112  # what the convolutions see


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Byte-valued pixels of any shape and type -> float32 around zero."""
    return (pixels.to(torch.float32) - PIXEL_MEAN) * PIXEL_SCALE


@dataclass(frozen=True)
class RoadNetConfig:
    """Widths of the net; every one a multiple of 8 so that vector units stay full."""

    stem: int = 16
    widths: Tuple[int, int, int] = (24, 48, 96)  # at 28x28, 14x14, 7x7
    blocks: Tuple[int, int, int] = (1, 1, 1)  # residual blocks after each downsampling
    hidden: int = 64  # of the regression head


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv_norm(width, width, 3, padding=1)
        self.second = conv_norm(width, width, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(x + self.second(self.relu(self.first(x))))


def stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    layers = [conv_norm(inputs, outputs, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, *(Residual(outputs) for _ in range(blocks)))


def cell_centres(cells: int, stride_px: int = 8, first_px: int = 2) -> torch.Tensor:
    """Where the middles of a map's cells lie in the picture, as aim coordinates (cells,).

    The stem sees pixels 0..4 first (no padding), and every stride after it keeps the first cell's middle.
    Pixel p of the averaged picture lies at 2 p + 0.5 of the full one, where aim coordinates are counted.
    """
    full_px = 2.0 * (first_px + stride_px * torch.arange(cells)) + 0.5
    return 2.0 * full_px / PICTURE_PX - 1.0


class SoftArgmax(nn.Module):
    """Feature map (N,C,H,W) -> expected (x, y) of a softmax over the cells, (N,2) in aim coordinates."""

    def __init__(self, inputs: int, cells: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(inputs, 1, 1)
        line = cell_centres(cells)
        grid = torch.stack([line.repeat(cells), line.repeat_interleave(cells)], dim=1)
        self.register_buffer("grid", grid)  # (cells*cells, 2) of x, y

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        weights = torch.softmax(self.score(features).float().flatten(1), dim=1)
        # Not a matrix product: that would be done in 16 bits when training in them.
        return (weights[:, :, None] * self.grid).sum(1)


class RoadNet(nn.Module):
    """Normalised pictures (N,3,112,112) float32 -> aim (N,2) and the confidence's logit (N,1)."""

    def __init__(self, config: RoadNetConfig = RoadNetConfig()) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.widths
        # No padding in the first layer: (pixel - mean) * scale then folds into its weights and bias exactly.
        self.stem = nn.Sequential(conv_norm(3, config.stem, 5, stride=2), nn.ReLU(inplace=True))
        self.fine = stage(config.stem, fine, config.blocks[0])
        self.middle = stage(fine, middle, config.blocks[1])
        self.coarse = stage(middle, coarse, config.blocks[2])
        self.lateral = nn.Conv2d(coarse, 32, 1)
        self.merge = nn.Sequential(conv_norm(middle + 32, 32, 1), nn.ReLU(inplace=True))
        self.aim_map = SoftArgmax(32, 14)
        self.squeeze = nn.Sequential(conv_norm(coarse, 16, 1), nn.ReLU(inplace=True), nn.Flatten())
        self.regress = nn.Sequential(nn.Linear(16 * 49, config.hidden), nn.ReLU(inplace=True))
        self.out = nn.Linear(config.hidden, 3)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, pictures: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        middle = self.middle(self.fine(self.stem(pictures)))
        coarse = self.coarse(middle)
        wide = nn.functional.interpolate(self.lateral(coarse), scale_factor=2.0, mode="nearest")
        by_map = self.aim_map(self.merge(torch.cat([middle, wide], dim=1)))
        by_rule = self.out(self.regress(self.squeeze(coarse)))
        return by_map + by_rule[:, :2], by_rule[:, 2:]


def parameters(net: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in net.parameters())


def macs(net: RoadNet) -> int:
    """Multiply-accumulates for one picture, counted from the convolutions and linear layers as they run."""
    counted = []

    def count(layer: nn.Module, _: tuple, output: torch.Tensor) -> None:
        positions = output[0, 0].numel() if output.dim() == 4 else 1
        counted.append(positions * layer.weight.numel())

    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    was_training = net.training
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, POOLED_PX, POOLED_PX))
    for hook in hooks:
        hook.remove()
    net.train(was_training)
    return sum(counted)
