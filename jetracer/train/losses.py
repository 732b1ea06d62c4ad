"""What the road net is punished for, and how its errors are told to people."""
from __future__ import annotations

import torch
from torch.nn import functional

AIM_BETA = 0.02  # aim error where the loss turns from square to straight, about 2 px at 224
Y_WEIGHT = 0.6  # the aim's height follows from the camera's mount; its side is what steers
CONFIDENCE_WEIGHT = 0.05


def weighted_mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1.0)


def aim_loss(aim: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Huber loss of aim (N,2) against wanted (N,2), each frame counted by weights (N,)."""
    each = functional.smooth_l1_loss(aim, wanted, beta=AIM_BETA, reduction="none")
    return weighted_mean(each[:, 0] + Y_WEIGHT * each[:, 1], weights)


def confidence_loss(logit: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Cross entropy of logit (N,1) against wanted (N,) in [0, 1], each frame counted by weights (N,)."""
    each = functional.binary_cross_entropy_with_logits(logit[:, 0], wanted, reduction="none")
    return weighted_mean(each, weights)


def road_loss(aim: torch.Tensor, logit: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """labels (N,5): aim x, aim y, aim weight, confidence, confidence weight."""
    by_aim = aim_loss(aim, labels[:, :2], labels[:, 2])
    return by_aim + CONFIDENCE_WEIGHT * confidence_loss(logit, labels[:, 3], labels[:, 4])
