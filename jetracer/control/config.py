"""All that can be set about control, as one group of options; see each class for what it means."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from jetracer.car.model import CarModel
from jetracer.control.speed import SpeedConfig


@dataclass(frozen=True)
class AimConfig:
    """`error` "x": NVIDIA JetRacer, x * gain + bias. "angle": JetBot, of atan2(x, (0.5 - y) / 2)."""

    error: str = "x"
    gain: float = 1.0
    damping: float = 0.0  # per change of the error from one frame to the next at 30 Hz, JetBot's kd
    bias: float = 0.0

    def __post_init__(self) -> None:
        if self.error not in ("x", "angle"):
            raise ValueError(f"aim.error = {self.error!r}: choose 'x' (JetRacer) or 'angle' (JetBot).")


@dataclass(frozen=True)
class ArcConfig:
    farthest_m: float = 2.5  # an aim farther away is near the horizon: too uncertain for metres
    nearest_m: float = 0.35  # the arc is never made tighter than for an aim at this distance
    latency_max_s: float = 0.4  # an older frame is compensated for no more than this


@dataclass(frozen=True)
class ControlConfig:
    name: str = "pursuit"  # of CONTROLLERS
    # Measured by `jetracer calibrate delay`: from a command to the first picture, arrived, that shows it. Control
    # itself goes by `car.actuator_delay_s`, which the same measurement sets; this is for delay-aware training.
    delay_s: Optional[float] = None
    fade_s: float = 0.5  # time constant of the held steering when nothing is seen
    car: CarModel = field(default_factory=CarModel)
    speed: SpeedConfig = field(default_factory=SpeedConfig)
    aim: AimConfig = field(default_factory=AimConfig)
    arc: ArcConfig = field(default_factory=ArcConfig)
