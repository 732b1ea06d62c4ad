"""What every technique has in common: one call, technique(model, data, config), and one report.

`model` is a file, `data` the pictures to measure on, `config` a dataclass of the technique's own.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional, Tuple

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

