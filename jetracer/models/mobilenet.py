"""MobileNet-V2 (arXiv:1801.04381, table 2) and V3 (arXiv:1905.02244, tables 1 and 2).

State-dict names are torchvision's.
"""
from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Type

import torch
from torch import nn


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1,
              act: Optional[Type[nn.Module]] = None, norm: Sequence[float] = (1e-5, 0.1)) -> nn.Sequential:
    """Convolution that keeps the size (but for the stride), batch norm with (eps, momentum), activation."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers: List[nn.Module] = [conv, nn.BatchNorm2d(outputs, *norm)]
    if act is not None:
        layers.append(act(inplace=True))
    return nn.Sequential(*layers)


class InvertedV2(nn.Module):
    """Widen by 1x1, filter by depth, narrow by 1x1; a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int, widen: int) -> None:
        super().__init__()
        wide = inputs * widen
        self.shortcut = stride == 1 and inputs == outputs
        layers: List[nn.Module] = [conv_norm(inputs, wide, 1, act=nn.ReLU6)] if widen != 1 else []
        layers.append(conv_norm(wide, wide, 3, stride, wide, nn.ReLU6))
        layers += conv_norm(wide, outputs, 1)  # torchvision has these two beside the others, not in a group
        self.conv = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.shortcut else self.conv(x)


# widen, outputs, repeats, first stride
_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class MobileNetV2(nn.Module):
    """Pictures (N,3,H,W) float32 -> (N, outputs)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        layers: List[nn.Module] = [conv_norm(3, 32, 3, 2, act=nn.ReLU6)]
        inputs = 32
        for widen, width, repeats, stride in _V2:
            for index in range(repeats):
                layers.append(InvertedV2(inputs, width, stride if index == 0 else 1, widen))
                inputs = width
        self.features = nn.Sequential(*layers, conv_norm(inputs, 1280, 1, act=nn.ReLU6))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, outputs))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(pictures).mean((2, 3)))


class SqueezeExcite(nn.Module):
    """Scales every channel by what a tiny net thinks of all channels' means."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = multiple_of_8(width // 4)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(width, narrow, 1)
        self.fc2 = nn.Conv2d(narrow, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * nn.functional.hardsigmoid(self.fc2(nn.functional.relu(self.fc1(self.avgpool(x)))))


def multiple_of_8(width: float) -> int:
    """The nearest multiple of 8, but at most a tenth smaller (the papers' rounding of widths)."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


class RowV3(NamedTuple):
    """One row of the paper's tables: kernel, expanded width, outputs, squeeze-excite, h-swish (else ReLU), stride."""

    kernel: int
    wide: int
    outputs: int
    excite: bool
    swish: bool
    stride: int


_SMALL = (
    RowV3(3, 16, 16, True, False, 2), RowV3(3, 72, 24, False, False, 2), RowV3(3, 88, 24, False, False, 1),
    RowV3(5, 96, 40, True, True, 2), RowV3(5, 240, 40, True, True, 1), RowV3(5, 240, 40, True, True, 1),
    RowV3(5, 120, 48, True, True, 1), RowV3(5, 144, 48, True, True, 1), RowV3(5, 288, 96, True, True, 2),
    RowV3(5, 576, 96, True, True, 1), RowV3(5, 576, 96, True, True, 1),
)  # fmt: skip
_LARGE = (
    RowV3(3, 16, 16, False, False, 1), RowV3(3, 64, 24, False, False, 2), RowV3(3, 72, 24, False, False, 1),
    RowV3(5, 72, 40, True, False, 2), RowV3(5, 120, 40, True, False, 1), RowV3(5, 120, 40, True, False, 1),
    RowV3(3, 240, 80, False, True, 2), RowV3(3, 200, 80, False, True, 1), RowV3(3, 184, 80, False, True, 1),
    RowV3(3, 184, 80, False, True, 1), RowV3(3, 480, 112, True, True, 1), RowV3(3, 672, 112, True, True, 1),
    RowV3(5, 672, 160, True, True, 2), RowV3(5, 960, 160, True, True, 1), RowV3(5, 960, 160, True, True, 1),
)  # fmt: skip
_NORM_V3 = (1e-3, 0.01)


class InvertedV3(nn.Module):
    """As InvertedV2, with squeeze-excite and the activation of its row."""

    def __init__(self, inputs: int, row: RowV3) -> None:
        super().__init__()
        act = nn.Hardswish if row.swish else nn.ReLU
        self.shortcut = row.stride == 1 and inputs == row.outputs
        layers: List[nn.Module] = []
        if row.wide != inputs:
            layers.append(conv_norm(inputs, row.wide, 1, act=act, norm=_NORM_V3))
        layers.append(conv_norm(row.wide, row.wide, row.kernel, row.stride, row.wide, act, _NORM_V3))
        if row.excite:
            layers.append(SqueezeExcite(row.wide))
        self.block = nn.Sequential(*layers, conv_norm(row.wide, row.outputs, 1, norm=_NORM_V3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x) if self.shortcut else self.block(x)


class MobileNetV3(nn.Module):
    """Pictures (N,3,H,W) float32 -> (N, outputs)."""

    def __init__(self, rows: Sequence[RowV3], hidden: int, outputs: int) -> None:
        super().__init__()
        layers: List[nn.Module] = [conv_norm(3, 16, 3, 2, act=nn.Hardswish, norm=_NORM_V3)]
        inputs = 16
        for row in rows:
            layers.append(InvertedV3(inputs, row))
            inputs = row.outputs
        last = 6 * inputs
        self.features = nn.Sequential(*layers, conv_norm(inputs, last, 1, act=nn.Hardswish, norm=_NORM_V3))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(last, hidden), nn.Hardswish(inplace=True), nn.Dropout(0.2), nn.Linear(hidden, outputs))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.avgpool(self.features(pictures)).flatten(1))


def mobilenet_v2(outputs: int) -> MobileNetV2:
    return MobileNetV2(outputs)


def mobilenet_v3_small(outputs: int) -> MobileNetV3:
    return MobileNetV3(_SMALL, 1024, outputs)


def mobilenet_v3_large(outputs: int) -> MobileNetV3:
    return MobileNetV3(_LARGE, 1280, outputs)
