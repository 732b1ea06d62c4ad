"""PilotNet (Bojarski et al. 2016, arXiv:1604.07316, figure 4): five convolutions and four dense layers."""
from __future__ import annotations

import torch
from torch import nn


class PilotNet(nn.Module):
    """Pictures (N,3,H,W) float32 -> (N, outputs).

    The paper's picture of 66x200 leaves a map of 1x18 for the dense layers; another size is averaged to that.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        layers, inputs = [], 3
        for width, kernel, stride in ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1)):
            conv = nn.Conv2d(inputs, width, kernel, stride, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            inputs = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(64 * 18, 100), nn.ReLU(inplace=True), nn.Linear(100, 50), nn.ReLU(inplace=True),
            nn.Linear(50, 10), nn.ReLU(inplace=True), nn.Linear(10, outputs))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        # The road lies in the lower two thirds: the upper third is cut off, as the paper does, and the rest is scaled.
        top = pictures.shape[2] // 3
        x = nn.functional.interpolate(pictures[:, :, top:], (66, 200), mode="bilinear", align_corners=False)
        return self.head(self.features(x).flatten(1))


def pilotnet(outputs: int) -> PilotNet:
    return PilotNet(outputs)
