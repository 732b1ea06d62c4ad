"""How the guard's configuration travels to its process, as its command line, and what two of them differ in."""
from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Dict, List

from jetracer.car.base import CarConfig
from jetracer.safety.guard import GuardConfig


@dataclass(frozen=True)
class Launch:
    """What the guard's command line says."""

    bus: str = "1"  # N of /dev/i2c-N, or sim:PATH
    car: CarConfig = field(default_factory=CarConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    ready_fd: int = -1  # told in one line of JSON when the guard listens, or why it does not
    lifeline_fd: int = -1  # when its other end is closed, whoever started the guard is gone, and it ends too


def arguments(config: Any, prefix: str = "") -> List[str]:
    """The command line that `core.config.override` turns back into an equal configuration."""
    words: List[str] = []
    for item in fields(config):
        value, key = getattr(config, item.name), prefix + item.name
        words += arguments(value, f"{key}.") if is_dataclass(value) else [f"--{key}={value}"]
    return words


_OWN = ("guard.socket", "guard.group_access", "guard.realtime", "ready_fd", "lifeline_fd")  # no matter of who drives


def differences(asked: Launch, runs: Launch) -> List[str]:
    """What `asked` wants on purpose, so other than by default, and the guard that runs as `runs` says has not."""
    wanted, there, default = map(_flat, (asked, runs, Launch()))
    return [f"{key} = {there[key]} (not {value})" for key, value in wanted.items()
            if key not in _OWN and value not in (default[key], there[key])]


def _flat(launch: Launch) -> Dict[str, str]:
    return dict(word[2:].split("=", 1) for word in arguments(launch))
