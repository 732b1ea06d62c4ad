"""Training of the road net: AdamW, a warm-up and a cosine, averaged weights, plain torch on the CPU.

    net = train(RoadData.open(folder), RoadTrainConfig(), progress)
    scores = validate(net, RoadData.open(other_folder))
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterator, NamedTuple, Tuple

import numpy as np
import torch
from torch import nn

from jetracer.models.road_net import PICTURE_PX, RoadNet, RoadNetConfig, normalise
from jetracer.train.augment import AugmentConfig, augment
from jetracer.train.average import Average
from jetracer.train.losses import road_loss
from jetracer.train.road_data import RoadData

PX = PICTURE_PX / 2.0  # pixels of the full picture in one unit of aim


@dataclass(frozen=True)
class RoadTrainConfig:
    """How to train. The seed is fixed: the same data gives the same net on the same machine."""

    epochs: int = 10
    batch: int = 128
    peak_rate: float = 3e-3
    last_rate: float = 3e-5
    warm_up: float = 0.03  # share of all steps
    weight_decay: float = 0.02
    threads: int = 1
    seed: int = 1
    bfloat16: bool = False  # convolutions in 16 bits: faster only where the CPU has AVX512-BF16 or AMX
    net: RoadNetConfig = field(default_factory=RoadNetConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


def bfloat16_pays() -> bool:
    """Whether this CPU multiplies 16-bit floats in hardware; without that they are slower than 32 bits."""
    known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name)() for name in known if hasattr(torch.cpu, name))


class Progress(NamedTuple):
    """Told after every step."""

    step: int
    steps: int
    loss: float = math.nan  # running mean


def learning_rate(step: int, steps: int, config: RoadTrainConfig) -> float:
    """Linear warm-up, then half a cosine (Loshchilov and Hutter 2017)."""
    warm = max(1, int(config.warm_up * steps))
    if step < warm:
        return config.peak_rate * (step + 1) / warm
    turn = (step - warm) / max(1, steps - warm)
    return config.last_rate + 0.5 * (config.peak_rate - config.last_rate) * (1.0 + math.cos(math.pi * turn))


def tensors(data: RoadData, rows: np.ndarray) -> Tuple[torch.Tensor, torch.Tensor]:
    """Pictures (N,3,112,112) normalised and labels (N,5) of some rows."""
    pictures = torch.from_numpy(np.ascontiguousarray(data.pictures[rows]))
    return normalise(pictures.permute(0, 3, 1, 2)), torch.from_numpy(data.labels[rows])


def batches(count: int, size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of one epoch in random order, whole batches only, sorted inside a batch for the disk's sake."""
    order = random.permutation(count)
    size = min(size, count)
    for start in range(0, count - size + 1, size):
        yield np.sort(order[start:start + size])


def optimiser(net: RoadNet, config: RoadTrainConfig) -> torch.optim.Optimizer:
    """AdamW; norms and biases are not decayed."""
    matrices = [p for p in net.parameters() if p.dim() > 1]
    vectors = [p for p in net.parameters() if p.dim() <= 1]
    decayed = {"params": matrices, "weight_decay": config.weight_decay}
    free = {"params": vectors, "weight_decay": 0.0}
    return torch.optim.AdamW([decayed, free], lr=config.peak_rate, fused=True)


class Training:
    """A net on its way: the net, its running average, the optimiser and every source of chance."""

    def __init__(self, config: RoadTrainConfig) -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self.config = config
        self.net = RoadNet(config.net).to(memory_format=torch.channels_last).train()
        self.average = Average(self.net)
        self.optimiser = optimiser(self.net, config)
        self.order = np.random.default_rng(config.seed)
        self.draws = torch.Generator().manual_seed(config.seed)

    def step(self, pictures: torch.Tensor, labels: torch.Tensor, rate: float) -> float:
        """One batch: change it, see it, learn from it. Returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        pictures, aim = augment(pictures, labels[:, :2], self.config.augment, self.draws)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            seen, logit = self.net(pictures)
        loss = road_loss(seen.float(), logit.float(), torch.cat([aim, labels[:, 2:]], dim=1))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.average.update(self.net)
        return float(loss.detach())


def unwatched(now: Progress) -> None:
    """Progress that nobody looks at."""


def train(
    data: RoadData, config: RoadTrainConfig, progress: Callable[[Progress], None] = unwatched
) -> RoadNet:
    """A net trained on `data`, its weights averaged, in evaluation mode."""
    run = Training(config)
    steps = config.epochs * (len(data) // min(config.batch, len(data)))
    done, running = 0, math.nan
    for _ in range(config.epochs):
        for rows in batches(len(data), config.batch, run.order):
            loss = run.step(*tensors(data, rows), learning_rate(done, steps, config))
            done += 1
            running = loss if math.isnan(running) else 0.98 * running + 0.02 * loss
            progress(Progress(done, steps, running))
    return run.average.net


@torch.no_grad()
def predict(net: RoadNet, data: RoadData, batch: int = 256) -> np.ndarray:
    """(N,3) float32: aim x, aim y (within [-1, 1]), confidence, for every picture of a data set."""
    net.eval()
    out = np.empty((len(data), 3), np.float32)
    for start in range(0, len(data), batch):
        rows = np.arange(start, min(start + batch, len(data)))
        pictures, _ = tensors(data, rows)
        aim, logit = net(pictures.contiguous(memory_format=torch.channels_last))
        out[rows] = torch.cat([aim.clamp(-1.0, 1.0), torch.sigmoid(logit)], dim=1).numpy()
    return out


def validate(net: RoadNet, data: RoadData) -> Dict[str, float]:
    """Errors on a data set. Aim errors in pixels at 224, over frames that are surely on the lane."""
    return scores(predict(net, data), data.labels)


def scores(seen: np.ndarray, labels: np.ndarray) -> Dict[str, float]:
    """seen (N,3) as `predict` gives it, labels (N,5)."""
    sure = (labels[:, 2] > 0) & (labels[:, 3] > 0.5) & (labels[:, 4] > 0)
    none = (labels[:, 3] < 0.5) & (labels[:, 4] > 0)
    x, y = (np.abs(seen[sure, :2] - labels[sure, :2]) * PX).T
    return {
        "frames": float(len(labels)),
        "aim_x_px_median": quantile(x, 0.5),
        "aim_x_px_mean": float(x.mean()) if x.size else math.nan,
        "aim_x_px_p90": quantile(x, 0.9),
        "aim_x_px_p99": quantile(x, 0.99),
        "aim_y_px_median": quantile(y, 0.5),
        "aim_y_px_p90": quantile(y, 0.9),
        "lane_seen": float((seen[sure, 2] > 0.5).mean()) if sure.any() else math.nan,
        "no_lane_seen": float((seen[none, 2] < 0.5).mean()) if none.any() else math.nan,
    }


def quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share)) if values.size else math.nan
