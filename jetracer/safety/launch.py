"""How the guard's configuration travels to its process, as its command line, and what two of them differ in."""
from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Dict, List

from jetracer.car.base import CarConfig
from jetracer.car.kit import load_kit
from jetracer.core.config import override
from jetracer.core.i2c import AUTO, which_bus
from jetracer.safety.guard import GuardConfig


@dataclass(frozen=True)
class Launch:
    """What the guard's command line says."""

    bus: str = AUTO  # N of /dev/i2c-N, sim:PATH, or auto
    car: CarConfig = field(default_factory=CarConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    ready_fd: int = -1  # told in one line of JSON when the guard listens, or why it does not
    lifeline_fd: int = -1  # when its other end is closed, whoever started the guard is gone, and it ends too
    kit: str = ""  # a kit's name or file that says bus, car and guard; what the command line says itself wins
    wait: bool = False  # for a car that is not there (yet), as a service does, instead of ending


def arguments(config: Any, prefix: str = "") -> List[str]:
    """The command line that `from_arguments` turns back into an equal configuration."""
    words: List[str] = []
    for item in fields(config):
        value, key = getattr(config, item.name), prefix + item.name
        words += arguments(value, f"{key}.") if is_dataclass(value) else [f"--{key}={value}"]
    return words


def from_arguments(words: List[str]) -> Launch:
    """What a command line, its kit included, says. Raises ConfigError."""
    launch = override(Launch(), words)
    if launch.kit:
        launch = override(load_kit(launch.kit).apply(Launch()), words)
    return replace(launch, bus=which_bus(launch.bus))


# no matter of the program that drives
_OWN = ("guard.socket", "guard.group_access", "guard.realtime", "kit", "wait", "ready_fd", "lifeline_fd")


def differences(asked: Launch, runs: Launch) -> List[str]:
    """What `asked` wants on purpose, so other than by default, and the guard that runs as `runs` says has not."""
    wanted, there, default = map(_flat, (asked, runs, Launch()))
    return [f"{key} = {there[key]} (not {value})" for key, value in wanted.items()
            if key not in _OWN and value not in (default[key], there[key])]


def _flat(launch: Launch) -> Dict[str, str]:
    return dict(word[2:].split("=", 1) for word in arguments(launch))
