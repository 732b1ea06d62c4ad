"""Training of a road net: AdamW, a warm-up and a cosine, averaged weights, validation, early stop, checkpoints.

    result = fit(make_net("road_net"), data, TrainConfig(), unseen)

All chance of an epoch comes from the seed and the epoch's number, so a training that was cut off goes on from its last
epoch to the same bits as one that was not.
"""
from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import torch
from torch import nn

from jetracer.core.errors import ConfigError, ModelError
from jetracer.train import checkpoint
from jetracer.train.amp import Precision
from jetracer.train.augment import augment
from jetracer.train.average import Average
from jetracer.train.config import TrainConfig
from jetracer.train.ddp import ALONE, Team
from jetracer.train.losses import road_loss
from jetracer.train.metrics import Pictures, as_tensor, validate

JUDGED_BY = "aim_x_px_mean"  # of the validation scores: sideways error is what steers


class Progress(NamedTuple):
    """Told after every step; `scores` after the last one of an epoch with validation."""

    step: int
    steps: int
    loss: float = math.nan  # running mean
    scores: Optional[Dict[str, float]] = None


Watch = Callable[[Progress], None]


def unwatched(now: Progress) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class Fit:
    """The net, its weights averaged, of the best epoch; what every epoch was like: loss, rate, validation."""

    net: nn.Module
    history: List[Dict[str, float]] = field(default_factory=list)


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Linear warm-up, then half a cosine (Loshchilov and Hutter 2017)."""
    warm = max(1, int(config.warm_up * steps))
    if step < warm:
        return config.peak_rate * (step + 1) / warm
    turn = (step - warm) / max(1, steps - warm)
    return config.last_rate + 0.5 * (config.peak_rate - config.last_rate) * (1.0 + math.cos(math.pi * turn))


def batches(count: int, size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of one epoch in random order, whole batches only, sorted inside a batch for the disk's sake."""
    order = random.permutation(count)
    size = min(size, count)
    for start in range(0, count - size + 1, size):
        yield np.sort(order[start:start + size])


def optimiser(net: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW; norms and biases are not decayed."""
    matrices = [p for p in net.parameters() if p.dim() > 1]
    vectors = [p for p in net.parameters() if p.dim() <= 1]
    decayed = {"params": matrices, "weight_decay": config.weight_decay}
    free = {"params": vectors, "weight_decay": 0.0}
    return torch.optim.AdamW([decayed, free], lr=config.peak_rate, fused=True)


class Training:
    """A net on its way: all that a checkpoint holds."""

    def __init__(self, net: nn.Module, config: TrainConfig, frames: int, team: Team = ALONE) -> None:
        torch.set_num_threads(config.threads)
        self.config, self.team = config, team
        self.device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self.joined = team.joined(self.net)
        self.average = Average(self.net, config.average_decay)
        self.optimiser = optimiser(self.net, config)
        self.precision = Precision(config.amp, self.device)
        self.draws = torch.Generator()
        self.epoch = 0
        self.epoch_steps = frames // min(config.batch * team.size, frames)
        self.history: List[Dict[str, float]] = []
        self.best: Optional[Dict[str, torch.Tensor]] = None

    @property
    def steps(self) -> int:
        return self.config.epochs * self.epoch_steps

    def begin_epoch(self) -> np.random.Generator:
        """Set every source of chance by seed, epoch and process; returns that of the order, the same for all."""
        config = self.config
        self.joined.train()
        self.draws.manual_seed(((config.seed * 10_007 + self.epoch) * 10_007) + self.team.rank)
        torch.manual_seed(self.draws.initial_seed() + 1)  # dropout
        return np.random.default_rng([config.seed, self.epoch])

    def step(self, pictures: torch.Tensor, labels: torch.Tensor, rate: float) -> float:
        """One batch: change it, see it, learn from it. Returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        pictures, aim = augment(pictures, labels[:, :2], self.config.augment, self.draws)
        labels = torch.cat([aim, labels[:, 2:]], dim=1)
        self.optimiser.zero_grad(set_to_none=True)
        parts, total = min(self.config.accumulate, len(labels)), 0.0
        for some, wanted in zip(pictures.chunk(parts), labels.chunk(parts)):
            share = len(wanted) / len(labels)
            total += share * self._learn(some.to(self.device), wanted.to(self.device), share)
        self.precision.step(self.optimiser)
        self.average.update(self.net)
        return total

    def _learn(self, pictures: torch.Tensor, labels: torch.Tensor, share: float) -> float:
        """Add the gradient of a part that is `share` of the batch."""
        with self.precision.cast():
            seen, logit = self.joined(pictures)
        loss = road_loss(seen.float(), logit.float(), labels)
        self.precision.backward(loss * share)
        return float(loss.detach())

    def judge(self, scores: Dict[str, float]) -> None:
        """Take note of how good the averaged net is, and keep it when it is the best so far."""
        before = [entry[JUDGED_BY] for entry in self.history if JUDGED_BY in entry]
        self.history[-1].update(scores)
        if not before or scores[JUDGED_BY] < min(before):
            self.best = deepcopy(self.average.net.state_dict())

    @property
    def tired(self) -> bool:
        """Whether the last `patience` epochs brought nothing better."""
        judged = [entry[JUDGED_BY] for entry in self.history if JUDGED_BY in entry]
        patience = self.config.patience
        return bool(patience and judged) and len(judged) - 1 - int(np.argmin(judged)) >= patience

    def state(self) -> Dict[str, Any]:
        return {
            "net": self.net.state_dict(), "average": self.average.net.state_dict(), "updates": self.average.updates,
            "optimiser": self.optimiser.state_dict(), "scaler": self.precision.scaler.state_dict(),
            "best": self.best, "epoch": self.epoch, "history": self.history, "config": _told(self.config),
            "epoch_steps": self.epoch_steps,
        }  # fmt: skip

    def resume(self, state: Dict[str, Any]) -> None:
        """Go on from `state`. Raises ModelError when it is of another training."""
        if state["config"] != _told(self.config) or state["epoch_steps"] != self.epoch_steps:
            raise ModelError("The checkpoint is of another data set or configuration; "
                             "train with the same ones, or choose another --out.")
        try:
            self.net.load_state_dict(state["net"])
        except RuntimeError as error:
            raise ModelError("The checkpoint is of another net; choose another --out.") from error
        self.average.net.load_state_dict(state["average"])
        self.average.updates = state["updates"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.precision.scaler.load_state_dict(state["scaler"])
        self.best, self.epoch, self.history = state["best"], state["epoch"], state["history"]

    def result(self) -> Fit:
        net = self.average.net
        if self.best is not None:
            net.load_state_dict(self.best)
        return Fit(net, self.history)


def fit(net: nn.Module, data: Pictures, config: TrainConfig, unseen: Optional[Pictures] = None,
        watch: Watch = unwatched, folder: Optional[Path] = None, team: Team = ALONE) -> Fit:
    """Train `net` on `data`, judged after every epoch on `unseen`.

    With `folder`, every epoch is kept in its last.pth, from where the same call goes on. Raises ConfigError,
    ModelError.
    """
    if len(data.labels) == 0:
        raise ConfigError("There are no pictures to learn from; see what was skipped: jetracer data check SET")
    run = Training(net, config, len(data.labels), team)
    last = folder / checkpoint.LAST if folder else None
    if last is not None and last.exists():
        run.resume(checkpoint.load(last))
    while run.epoch < config.epochs and not team.agreed(run.tired):
        _epoch(run, data, unseen, watch)
        if last is not None and team.leads:
            checkpoint.save(last, run.state())
    return run.result()


def _epoch(run: Training, data: Pictures, unseen: Optional[Pictures], watch: Watch) -> None:
    order, running, losses, rate = run.begin_epoch(), math.nan, [], 0.0
    done = run.epoch * run.epoch_steps
    for rows in batches(len(data.labels), run.config.batch * run.team.size, order):
        rate = learning_rate(done, run.steps, run.config)
        losses.append(run.step(*_tensors(data, run.team.share(rows)), rate))
        done += 1
        running = losses[-1] if math.isnan(running) else 0.98 * running + 0.02 * losses[-1]
        if done % run.epoch_steps:
            watch(Progress(done, run.steps, running))
    run.epoch += 1
    run.history.append({"epoch": run.epoch, "loss": run.team.mean(float(np.mean(losses))), "rate": rate})
    scores = None
    if unseen is not None and run.team.leads:
        scores = validate(run.average.net, unseen)
        run.judge(scores)
    watch(Progress(done, run.steps, running, scores))


def _tensors(data: Pictures, rows: np.ndarray) -> Tuple[torch.Tensor, torch.Tensor]:
    """Pictures (n,3,S,S) normalised and labels (n,5) of some rows."""
    return as_tensor(data.pictures[rows]), torch.from_numpy(np.ascontiguousarray(data.labels[rows]))


def _told(config: TrainConfig) -> Dict[str, Any]:
    """The configuration as plain values, but for what does not change the result."""
    told = asdict(config)
    told["augment"] = {key: list(value) if isinstance(value, tuple) else value
                       for key, value in told["augment"].items()}
    return {key: value for key, value in told.items() if key not in ("threads", "patience")}
