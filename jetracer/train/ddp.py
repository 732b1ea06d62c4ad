"""Training by several processes at once, as torchrun starts them: each sees its part of every batch.

    torchrun --nproc_per_node=2 -m jetracer train road SET

Gradients are averaged after every batch (Li et al. 2020, "PyTorch Distributed", arXiv:2006.15704), so that N processes
with a batch of B take the steps of one with N * B.
"""
from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator, NamedTuple

import numpy as np
import torch
from torch import distributed, nn


class Team(NamedTuple):
    """Which of how many processes this is. The first one validates, saves and speaks."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """This process's part of the rows of one batch of all."""
        return rows[self.rank :: self.size]

    def joined(self, net: nn.Module) -> nn.Module:
        """The same net, whose gradients are averaged over the team."""
        return nn.parallel.DistributedDataParallel(net) if self.size > 1 else net

    def mean(self, value: float) -> float:
        """The mean of everybody's `value`."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(total)
        return float(total) / self.size

    def agreed(self, value: bool) -> bool:
        """What the first process says."""
        if self.size == 1:
            return value
        told = torch.tensor(int(value))
        distributed.broadcast(told, 0)
        return bool(told)


ALONE = Team()


@contextmanager
def team() -> Iterator[Team]:
    """The processes that torchrun started, joined by gloo (nccl on CUDA, a device each); one alone where it did not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Team(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
