"""What a training is told. As TOML or on the command line, like every configuration."""
from __future__ import annotations

from dataclasses import dataclass, field

from jetracer.core.errors import ConfigError
from jetracer.train.augment import AugmentConfig

AMP = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class TrainConfig:
    """The same data, configuration and seed give the same net on the same machine."""

    epochs: int = 10
    batch: int = 128  # pictures per step, of each process
    accumulate: int = 1  # parts that a batch is worked through in, for little memory
    peak_rate: float = 3e-3
    last_rate: float = 3e-5
    warm_up: float = 0.03  # share of all steps
    weight_decay: float = 0.02
    average_decay: float = 0.998  # of the running average of the weights, which is what is kept
    patience: int = 0  # epochs without a better validation after which it ends; 0: never
    amp: str = "fp32"  # bf16, fp16: convolutions in 16 bits; faster only where the device multiplies them in hardware
    device: str = ""  # cpu, cuda; empty: cuda where there is one
    threads: int = 1
    seed: int = 1
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.accumulate, self.threads) < 1 or self.patience < 0:
            raise ConfigError("epochs, batch, accumulate and threads are 1 or more, patience 0 or more.")
        if self.amp not in AMP:
            raise ConfigError(f"amp = {self.amp!r}: choose one of {', '.join(AMP)}.")
