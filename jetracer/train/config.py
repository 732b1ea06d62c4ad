"""What a training is told. As TOML or on the command line, like every configuration."""
from __future__ import annotations

import os
from dataclasses import dataclass, field

from jetracer.car.model import LOOKAHEAD_M, CarModel
from jetracer.core.errors import ConfigError
from jetracer.models.backbones import OWN
from jetracer.models.road_net import PICTURE_PX, POOLED_PX
from jetracer.train.augment import MOUNTED_BY_HAND, AugmentConfig

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


def for_few_pictures() -> TrainConfig:
    """For some hundred pictures: small batches, many epochs, whatever augmentation can add."""
    cores, processes = os.cpu_count() or 1, int(os.environ.get("WORLD_SIZE", "1"))
    return TrainConfig(epochs=60, batch=16, peak_rate=3e-3, last_rate=3e-5, average_decay=0.98, patience=20,
                       threads=max(1, cores // processes), augment=MOUNTED_BY_HAND)


@dataclass(frozen=True)
class RoadConfig:
    """What `jetracer train road` trains, and how."""

    net: str = OWN  # of BACKBONES
    start: str = ""  # imagenet, road, none or a file; empty: road for the net that ships, imagenet for the others
    size: int = PICTURE_PX  # px, of the square picture that the model takes
    share: float = 0.2  # of the pictures that validates, where no split.json says it
    junk: float = 0.05  # spoilt pictures beside the others, so that confidence keeps a meaning
    delay_s: float = 0.0  # from picture to wheels; shifts driven labels
    camera: str = ""  # by which driven steering becomes aims: see `data/targets.py`; none: it is the aim's x itself
    car: CarModel = field(default_factory=CarModel)
    lookahead_m: float = LOOKAHEAD_M
    train: TrainConfig = field(default_factory=for_few_pictures)

    def __post_init__(self) -> None:
        if self.net == OWN and self.size != PICTURE_PX:
            raise ConfigError(f"{OWN} takes pictures of {PICTURE_PX} px and no others; choose another --net.")
        if not 32 <= self.size <= 1024:
            raise ConfigError(f"size = {self.size}: between 32 and 1024 px, such as 160.")
        if not 0.0 <= self.junk <= 1.0:
            raise ConfigError(f"junk = {self.junk}: a share between 0 and 1.")

    @property
    def source(self) -> str:
        """What the weights start from, as `start_from` takes it."""
        start = self.start or ("road" if self.net == OWN else "imagenet")
        return "" if start == "none" else start

    @property
    def pool(self) -> int:
        """Side of the squares of pixels that the graph means first."""
        return PICTURE_PX // POOLED_PX if self.net == OWN else 1
