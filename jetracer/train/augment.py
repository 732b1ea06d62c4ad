"""Changing pictures without changing what they mean. Works on normalised float batches, cheaply.

Everything drawn comes from the generator given, so a run repeats.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import torch
from torch.nn import functional

from jetracer.models.road_net import PICTURE_PX

DARKEST, BRIGHTEST = -2.0, 127.0 / 64.0  # bytes 0 and 255 after normalisation
MIRROR_SHIFT = 2.0 / PICTURE_PX  # pixel p becomes 223 - p, and aim x counts from the middle of pixel 0


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly. The simulator already varies mount, light, lens, noise, blur: the defaults add what it cannot."""

    flip: float = 0.5  # share of pictures mirrored
    gain_sigma: float = 0.18  # per picture, log
    colour_sigma: float = 0.12  # per channel, log
    offset_sigma: float = 0.20  # per picture, in units of 64 grey levels
    saturation: Tuple[float, float] = (0.0, 1.4)  # 0 is grey
    patch: float = 0.35  # share of pictures with a covered rectangle
    patch_share: float = 0.32  # its longest side, of the picture's
    shift: float = 0.0  # most that a picture is moved, of its half width and height
    rotate_deg: float = 0.0  # most that it is turned
    zoom: float = 0.0  # most that it is enlarged or shrunk
    blur: float = 0.0  # share of pictures out of focus


# For pictures of one camera on one course, whose mount moves a little from day to day. Not mirrored: on both of the
# recorded courses tried, driven one way round, that made the validation error larger.
MOUNTED_BY_HAND = AugmentConfig(flip=0.0, shift=0.1, rotate_deg=5.0, zoom=0.1, blur=0.2, saturation=(0.4, 1.4))


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
    longest = int(config.patch_share * min(height, width))
    for index in torch.nonzero(torch.rand(len(pictures), generator=random) < config.patch).flatten().tolist():
        size = torch.randint(min(6, longest), longest + 1, (2,), generator=random).tolist()
        top = int(torch.randint(0, height - size[0], (1,), generator=random))
        left = int(torch.randint(0, width - size[1], (1,), generator=random))
        colour = torch.randn(3, 1, 1, generator=random)
        pictures[index, :, top:top + size[0], left:left + size[1]] = colour


def move(
    pictures: torch.Tensor, aim: torch.Tensor, config: AugmentConfig, random: torch.Generator
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Shift, turn and zoom every picture, and its aim (N,2) with it; an aim that leaves it is pulled to the border.

    As if the camera had been mounted a little differently: the floor's perspective stays, so keep it small.
    """
    count = len(pictures)
    turn, zoom, *shift = (2.0 * torch.rand(4, count, generator=random) - 1.0)
    turn, scale = torch.deg2rad(turn * config.rotate_deg), 1.0 + zoom * config.zoom
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    offset = config.shift * torch.stack(shift, dim=1)
    back = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (N,2,2): new place -> old place
    grid = functional.affine_grid(torch.cat([back, offset[:, :, None]], 2), list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    there = torch.linalg.solve(back, (aim - offset)[:, :, None])[:, :, 0]
    return moved, there.clamp(-1.0, 1.0)


def blur(pictures: torch.Tensor, config: AugmentConfig, random: torch.Generator) -> torch.Tensor:
    """Some pictures as means of 3x3 pixels: out of focus, or moving."""
    chosen = torch.rand(len(pictures), generator=random) < config.blur
    pictures[chosen] = functional.avg_pool2d(pictures[chosen], 3, 1, 1, count_include_pad=False)
    return pictures


def augment(
    pictures: torch.Tensor, aim: torch.Tensor, config: AugmentConfig, random: torch.Generator
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Normalised pictures (N,3,H,W) and aim (N,2) -> the same, changed. The inputs stay as they are."""
    chosen = torch.rand(len(pictures), generator=random) < config.flip
    pictures, aim = flip(pictures, aim, chosen)
    if config.shift or config.rotate_deg or config.zoom:
        pictures, aim = move(pictures, aim, config, random)
    if config.blur:
        pictures = blur(pictures, config, random)
    pictures = light(pictures, config, random)
    cover(pictures, config, random)
    pictures = pictures.clamp_(DARKEST, BRIGHTEST)
    return pictures.contiguous(memory_format=torch.channels_last), aim
