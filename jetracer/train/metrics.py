"""How far a net's aims are from the labels. Pixels are those of a picture 224 pixels wide."""
from __future__ import annotations

import math
from typing import Dict, Protocol

import numpy as np
import torch
from torch import nn

from jetracer.models.road_net import PICTURE_PX, normalise

PX = PICTURE_PX / 2.0  # pixels in one unit of aim


class Pictures(Protocol):
    """Anything to learn from: pictures (N,S,S,3) uint8 BGR, and labels (N,5) as `losses.road_loss` takes them."""

    pictures: np.ndarray
    labels: np.ndarray


def as_tensor(pictures: np.ndarray) -> torch.Tensor:
    """Pictures (N,S,S,3) uint8 -> (N,3,S,S) float32, normalised, channels last in memory."""
    return normalise(torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2))


@torch.no_grad()
def predict(net: nn.Module, data: Pictures, batch: int = 256) -> np.ndarray:
    """(N,3) float32: aim x, aim y (within [-1, 1]), confidence, for every picture of a data set."""
    net.eval()
    device = next(net.parameters()).device
    out = np.empty((len(data.labels), 3), np.float32)
    for start in range(0, len(out), batch):
        rows = slice(start, start + batch)
        pictures = as_tensor(data.pictures[rows]).to(device).contiguous(memory_format=torch.channels_last)
        aim, logit = net(pictures)
        out[rows] = torch.cat([aim.clamp(-1.0, 1.0), torch.sigmoid(logit)], dim=1).cpu().numpy()
    return out


def validate(net: nn.Module, data: Pictures) -> Dict[str, float]:
    """Errors on a data set, over frames that are surely on the lane."""
    return scores(predict(net, data), data.labels)


def scores(seen: np.ndarray, labels: np.ndarray) -> Dict[str, float]:
    """seen (N,3) as `predict` gives it, labels (N,5)."""
    sure = surely_on_lane(labels)
    none = (labels[:, 3] < 0.5) & (labels[:, 4] > 0)
    x, y = (np.abs(seen[sure, :2] - labels[sure, :2]) * PX).T
    return {
        "frames": float(len(labels)),
        "aim_px_mean": float(np.hypot(x, y).mean()) if x.size else math.nan,
        "aim_x_px_median": quantile(x, 0.5),
        "aim_x_px_mean": float(x.mean()) if x.size else math.nan,
        "aim_x_px_p90": quantile(x, 0.9),
        "aim_x_px_p99": quantile(x, 0.99),
        "aim_y_px_median": quantile(y, 0.5),
        "aim_y_px_p90": quantile(y, 0.9),
        "lane_seen": float((seen[sure, 2] > 0.5).mean()) if sure.any() else math.nan,
        "no_lane_seen": float((seen[none, 2] < 0.5).mean()) if none.any() else math.nan,
    }


def surely_on_lane(labels: np.ndarray) -> np.ndarray:
    """Mask (N,) of the labels that have an aim and no doubt about it."""
    return (labels[:, 2] > 0) & (labels[:, 3] > 0.5) & (labels[:, 4] > 0)


def quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share)) if values.size else math.nan
