"""Mixed precision (Micikevicius et al. 2018, arXiv:1710.03740): convolutions in 16 bits, weights in 32.

fp16 loses small gradients, so the loss is scaled up and the gradients down again; the scale belongs to a checkpoint.
"""
from __future__ import annotations

from typing import Any, ContextManager

import torch

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def bfloat16_pays() -> bool:
    """Whether this CPU multiplies 16-bit floats in hardware; without that they are slower than 32 bits."""
    known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name)() for name in known if hasattr(torch.cpu, name))


class Precision:
    """`name` is fp32, bf16 or fp16; `cast` goes around the forward pass."""

    def __init__(self, name: str, device: str) -> None:
        self.name, self.device = name, device
        self.scaler = torch.amp.GradScaler(device, enabled=name == "fp16")

    def cast(self) -> ContextManager[Any]:
        return torch.autocast(self.device, _TYPES[self.name], enabled=self.name != "fp32")

    def backward(self, loss: torch.Tensor) -> None:
        self.scaler.scale(loss).backward()

    def step(self, optimiser: torch.optim.Optimizer, longest: float = 1.0) -> None:
        """One step down gradients cut to the length `longest`; none where fp16 overflowed."""
        self.scaler.unscale_(optimiser)
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, longest)
        self.scaler.step(optimiser)
        self.scaler.update()
