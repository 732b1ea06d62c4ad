"""The soft-argmax aim as a layer: a heat map's mean place, by which gradients reach every cell.

What it computes is defined in engine/soft_argmax.py. In an exported model it is one node of our own.
"""
from __future__ import annotations

from typing import Any

import torch
from torch import nn

from jetracer.engine.soft_argmax import DOMAIN, NAME


class SoftArgmaxAim(nn.Module):
    """heat (N, K, H, W) -> aim (N, K, 2), x and y in [-1, 1]. The sharper, the nearer to the hottest cell."""

    def __init__(self, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = sharpness

    def forward(self, heat: torch.Tensor) -> torch.Tensor:
        if torch.onnx.is_in_onnx_export():
            return _Node.apply(heat, self.sharpness)
        return soft_argmax(heat, self.sharpness)


def soft_argmax(heat: torch.Tensor, sharpness: float) -> torch.Tensor:
    grid = torch.softmax(sharpness * heat.flatten(2), dim=2).reshape(heat.shape)
    x = (grid.sum(2) * _middles(heat.shape[3], heat)).sum(2)
    y = (grid.sum(3) * _middles(heat.shape[2], heat)).sum(2)
    return torch.stack([x, y], dim=2)


def _middles(cells: int, like: torch.Tensor) -> torch.Tensor:
    return (2.0 * torch.arange(cells, dtype=like.dtype, device=like.device) + 1.0) / cells - 1.0


class _Node(torch.autograd.Function):
    """How the layer looks in an ONNX file."""

    @staticmethod
    def forward(context: Any, heat: torch.Tensor, sharpness: float) -> torch.Tensor:
        return soft_argmax(heat, sharpness)

    @staticmethod
    def symbolic(graph: Any, heat: Any, sharpness: float) -> Any:
        node = graph.op(f"{DOMAIN}::{NAME}", heat, sharpness_f=sharpness)
        sizes = heat.type().sizes()
        return node.setType(heat.type().with_sizes([*sizes[:2], 2])) if sizes else node
