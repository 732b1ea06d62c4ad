"""Learning from few labelled frames: every time one is taken it is seen from another place, in another light.

    net = refine(net, frames, config, steps)
"""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Iterator, List, Tuple

import cv2
import numpy as np
import torch
from torch import nn

from jetracer.core.types import Aim
from jetracer.models.road_net import POOLED_PX
from jetracer.train.config import TrainConfig
from jetracer.train.fit import Progress, Training, Watch, learning_rate, unwatched
from jetracer.train.junk import spoil
from jetracer.train.metrics import as_tensor
from jetracer.train.nearby import Nearby

JUNK = 0.04  # share of pictures that are spoilt, so that confidence keeps a meaning
NO_LANE = np.array([0.0, 0.0, 0.0, 0.0, 1.0], np.float32)


@dataclass
class Frames:
    """Labelled frames in memory: pictures (224,224,3) uint8 BGR and labels (5,), see `labels.py`."""

    pictures: List[np.ndarray]
    labels: List[np.ndarray]

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, size: int, steps: int, nearby: Nearby, random: np.random.Generator
                ) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        """`steps` times pictures (size,112,112,3) and labels (size,5); every frame is taken equally often."""
        order: List[int] = []
        for _ in range(steps):
            while len(order) < size:
                order += random.permutation(len(self)).tolist()
            rows, order = order[:size], order[size:]
            changed = [self._changed(row, nearby, random) for row in rows]
            yield np.stack([picture for picture, _ in changed]), np.stack([label for _, label in changed])

    def _changed(self, row: int, nearby: Nearby, random: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
        picture, label = self.pictures[row], self.labels[row]
        if random.random() < JUNK:
            picture, label = spoil(picture, random), NO_LANE
        elif label[2] > 0:
            picture, aim = nearby(picture, Aim(float(label[0]), float(label[1])), random)
            label = np.array([aim.x, aim.y, *label[2:]], np.float32)
        return cv2.resize(picture, (POOLED_PX, POOLED_PX), interpolation=cv2.INTER_AREA), label


def refine(net: nn.Module, frames: Frames, config: TrainConfig, steps: int, watch: Watch = unwatched,
           spent: Callable[[], float] = lambda: 0.0) -> nn.Module:
    """Go on training `net` for `steps` batches; returns its averaged weights.

    `spent()` is the share of the time allowed that has passed; at 1 it ends, whatever the step. The rate warms up and
    falls again as in `fit.py`, by steps or by time, whichever is farther. A thread makes the next batch meanwhile.
    """
    cv2.setNumThreads(1)
    run = Training(net, config, len(frames))
    random = run.begin_epoch()
    batches = frames.batches(config.batch, steps, Nearby(), random)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(next, batches)
        for step in range(steps):
            pictures, labels = coming.result()
            if step + 1 < steps:
                coming = ahead.submit(next, batches)
            at = max(step, min(steps - 1, int(spent() * steps)))
            loss = run.step(as_tensor(pictures), torch.from_numpy(labels), learning_rate(at, steps, config))
            watch(Progress(at + 1, steps, loss))
            if spent() >= 1.0:
                break
    return run.average.net
