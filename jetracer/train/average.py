"""A running average of a net's weights: steadier than the last step's (Polyak and Juditsky 1992)."""
from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn


class Average:
    """Keeps `net`, a copy whose weights and statistics trail those of the net being trained."""

    def __init__(self, net: nn.Module, decay: float = 0.998) -> None:
        self.net = deepcopy(net).eval()
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.updates += 1
        # Early on the average would still be made of the random start: let it follow quickly.
        decay = min(self.decay, (1.0 + self.updates) / (10.0 + self.updates))
        for mine, theirs in zip(self.net.state_dict().values(), net.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1.0 - decay)
            else:
                mine.copy_(theirs)
