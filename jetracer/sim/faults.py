"""Things that go wrong on purpose, by name and time: "frozen@5" from 5 s on, "black@5+2" for two seconds.

    frozen       camera: the same picture again and again, as from a hung sensor
    black        camera: black pictures
    lost         camera: no pictures at all
    slow_engine  each inference takes half a second
    nan_output   the network answers NaN
    i2c_nak      the PCA9685 does not acknowledge
    brown_out    the PCA9685 loses its supply and forgets its registers; without a duration a moment

Times count from the start of the world, or of the engine that a FaultyEngine wraps.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, Iterable, Optional

from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown
from jetracer.engine.base import Engine

if TYPE_CHECKING:
    import numpy as np

FAULTS = ("frozen", "black", "lost", "slow_engine", "nan_output", "i2c_nak", "brown_out")
SLOW_ENGINE_S = 0.5
BROWN_OUT_S = 0.05


@dataclass(frozen=True)
class Fault:
    """One fault, active for start_s <= t < start_s + duration_s."""

    name: str
    start_s: float = 0.0
    duration_s: float = math.inf

    @classmethod
    def parse(cls, text: str) -> Fault:
        """NAME, NAME@START or NAME@START+DURATION, in seconds. Raises ConfigError (UnknownName for the
        name)."""
        name, _, times = text.strip().partition("@")
        if name not in FAULTS:
            raise unknown("fault", name, FAULTS)
        start, _, duration = times.partition("+")
        lasting = BROWN_OUT_S if name == "brown_out" else math.inf
        try:
            fault = cls(name, float(start or 0), float(duration or lasting))
        except ValueError:
            raise _bad_time(text) from None
        if not (0 <= fault.start_s < math.inf and fault.duration_s > 0):  # also refuses NaN
            raise _bad_time(text)
        return fault

    def active(self, t_s: float) -> bool:
        return self.start_s <= t_s < self.start_s + self.duration_s


class Faults:
    """All faults of a run."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = tuple(faults)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Faults:
        return cls(Fault.parse(text) for text in texts)

    def active(self, name: str, t_s: float) -> bool:
        """Whether the fault `name` is there `t_s` seconds after the start. Raises UnknownName."""
        if name not in FAULTS:
            raise unknown("fault", name, FAULTS)
        return any(fault.name == name and fault.active(t_s) for fault in self._faults)

    def __bool__(self) -> bool:
        return bool(self._faults)


class FaultyEngine(Engine):
    """An engine with the faults slow_engine and nan_output; otherwise the engine it wraps.

    Their time counts from the first picture: what else a drive starts after its engine may take seconds.
    """

    def __init__(self, engine: Engine, faults: Faults, clock: Optional[Clock] = None) -> None:
        self._engine, self._faults = engine, faults
        self._clock = clock or MonotonicClock()
        self._start_s: Optional[float] = None

    @property
    def card(self):
        return self._engine.card

    def facts(self) -> Dict[str, str]:
        return self._engine.facts()

    def open(self) -> None:
        self._engine.open()
        self._start_s = None

    def close(self) -> None:
        self._engine.close()

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        now_s = self._clock.now_s()
        if self._start_s is None:
            self._start_s = now_s
        outputs = self._engine.infer(inputs)
        if self._faults.active("slow_engine", now_s - self._start_s):
            self._clock.sleep_until(now_s + SLOW_ENGINE_S)
        if self._faults.active("nan_output", now_s - self._start_s):
            outputs = {name: output * math.nan for name, output in outputs.items()}
        return outputs


def _bad_time(text: str) -> ConfigError:
    return ConfigError(f"The fault {text!r} has no valid time; write NAME@START or NAME@START+DURATION (s).")
