"""What every technique has in common: one call, one report."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional, Protocol, Tuple

import numpy as np

Say = Callable[[str], None]


@dataclass(frozen=True)
class Measures:
    """One model, before or after. `latency_ms`: {runtime: median}, runs in turn, on this device; `error`: px of 224."""

    size_bytes: int
    macs: Optional[int] = None
    latency_ms: Dict[str, float] = field(default_factory=dict)
    error: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What a technique did. `files`: {what: path}; `notes`: what a person should know, in words."""

    technique: str
    before: Measures
    after: Measures
    files: Dict[str, str] = field(default_factory=dict)
    notes: Tuple[str, ...] = ()
    details: Dict[str, Any] = field(default_factory=dict)


class Technique(Protocol):
    """`model`: the file; `data`: pictures (any iterable of (H,W,3) uint8 BGR); `config`: the technique's dataclass."""

    def __call__(self, model: str, data: Any, config: Any) -> Report: ...


def median_ms(times_s: np.ndarray) -> float:
    return round(1e3 * float(np.median(times_s)), 4)
