"""Changing pictures without changing what they mean. Works on normalised float batches, cheaply.

Everything drawn comes from the generator given, so a run repeats.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import torch

from jetracer.models.road_net import PICTURE_PX

DARKEST, BRIGHTEST = -2.0, 127.0 / 64.0  # bytes 0 and 255 after normalisation
MIRROR_SHIFT = 2.0 / PICTURE_PX  # pixel p becomes 223 - p, and aim x counts from the middle of pixel 0


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly; the simulator already varies light, lens, noise and blur, this adds what it cannot."""

    flip: float = 0.5  # share of pictures mirrored
    gain_sigma: float = 0.18  # per picture, log
    colour_sigma: float = 0.12  # per channel, log
    offset_sigma: float = 0.20  # per picture, in units of 64 grey levels
    saturation: Tuple[float, float] = (0.0, 1.4)  # 0 is grey
    patch: float = 0.35  # share of pictures with a covered rectangle
    patch_px: int = 36  # longest side, of the 112


def flip(
    pictures: torch.Tensor, aim: torch.Tensor, chosen: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Mirror the chosen pictures (N,C,H,W) left to right, and their aim's x with them. chosen: (N,) bool."""
    pictures, aim = pictures.clone(), aim.clone()
    pictures[chosen] = pictures[chosen].flip(3)
    aim[chosen, 0] = -aim[chosen, 0] - MIRROR_SHIFT
    return pictures, aim


def light(pictures: torch.Tensor, config: AugmentConfig, random: torch.Generator) -> torch.Tensor:
    """Gain, white balance, saturation and offset per picture, as one 3x3 colour matrix each."""
    count = pictures.shape[0]

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=random)

    gain = torch.exp(normal(1) * config.gain_sigma + normal(3) * config.colour_sigma)  # (N,3)
    low, high = config.saturation
    keep = low + (high - low) * torch.rand(count, 1, 1, generator=random)
    mix = keep * torch.eye(3) + (1.0 - keep) / 3.0  # (N,3,3): towards the mean of the channels
    matrix = gain[:, :, None] * mix
    offset = normal(1) * config.offset_sigma + 2.0 * (gain - 1.0)  # gain acts on light, and black is -2
    rows = pictures.permute(0, 2, 3, 1).reshape(count, -1, 3)
    lit = torch.baddbmm(offset[:, None, :], rows, matrix.transpose(1, 2))
    return lit.reshape(count, *pictures.shape[2:], 3).permute(0, 3, 1, 2)


def cover(pictures: torch.Tensor, config: AugmentConfig, random: torch.Generator) -> None:
    """Lay one flat rectangle over some of the pictures, in place: a hand, a leg, a leaf."""
    height, width = pictures.shape[2:]
    for index in torch.nonzero(torch.rand(len(pictures), generator=random) < config.patch).flatten().tolist():
        size = torch.randint(6, config.patch_px + 1, (2,), generator=random).tolist()
        top = int(torch.randint(0, height - size[0], (1,), generator=random))
        left = int(torch.randint(0, width - size[1], (1,), generator=random))
        colour = torch.randn(3, 1, 1, generator=random)
        pictures[index, :, top:top + size[0], left:left + size[1]] = colour


def augment(
    pictures: torch.Tensor, aim: torch.Tensor, config: AugmentConfig, random: torch.Generator
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Normalised pictures (N,3,H,W) and aim (N,2) -> the same, changed. The inputs stay as they are."""
    chosen = torch.rand(len(pictures), generator=random) < config.flip
    pictures, aim = flip(pictures, aim, chosen)
    pictures = light(pictures, config, random)
    cover(pictures, config, random)
    pictures = pictures.clamp_(DARKEST, BRIGHTEST)
    return pictures.contiguous(memory_format=torch.channels_last), aim
