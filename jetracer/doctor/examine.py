"""All checks, by theme. Each runs in a thread of its own with a limit, so that a device that hangs holds up nothing."""
from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

from jetracer.core.i2c import which_bus
from jetracer.doctor import bus, camera, model, packages, pilot, power, service, settings, system
from jetracer.doctor.base import Check, Host, warn

Look = Callable[[Host], Union[Check, List[Check]]]

THEMES: Dict[str, Tuple[Look, ...]] = {
    "system": system.CHECKS,
    "packages": packages.CHECKS,
    "settings": settings.CHECKS,
    "bus": bus.CHECKS,
    "camera": camera.CHECKS,
    "pilot": pilot.CHECKS,
    "power": power.CHECKS,
    "model": model.CHECKS,
    "service": service.CHECKS,
}
LIMIT_S = 2.0
# these load packages, which on a cold SD card takes long, and touch no device that could hang
PATIENT: Tuple[Look, ...] = (packages.gstreamer, model.road_model)
PATIENT_S = 20.0


class _Running(NamedTuple):
    theme: str
    look: Look
    thread: threading.Thread
    result: List[Check]


def examine(host: Host, themes: Dict[str, Sequence[Look]] = THEMES, limit_s: float = LIMIT_S
            ) -> Dict[str, List[Check]]:
    """What every check found, by theme. Nothing is written anywhere; no error leaves."""
    host = service.joined(host)
    host = replace(host, config=replace(host.config, bus=which_bus(host.config.bus, host.root)))
    begun_s = time.monotonic()
    running = [_start(theme, look, host) for theme, looks in themes.items() for look in looks]
    found: Dict[str, List[Check]] = {theme: [] for theme in themes}
    for one in running:
        patience_s = PATIENT_S if one.look in PATIENT else limit_s
        one.thread.join(max(0.0, begun_s + patience_s - time.monotonic()))
        found[one.theme] += list(one.result) or [
            warn(_name(one.look), f"no answer within {patience_s:.0f} s: it hangs, or the computer is busy",
                 "jetracer doctor, once more when the computer is quiet")]
    return found


def _start(theme: str, look: Look, host: Host) -> _Running:
    result: List[Check] = []

    def work() -> None:
        try:
            answer = look(host)
        except Exception as error:  # a check must not keep the others from being seen
            answer = warn(_name(look), f"could not be checked: {type(error).__name__}: {error}",
                          "report this line as an error of jetracer doctor")
        result.extend([answer] if isinstance(answer, Check) else answer)

    thread = threading.Thread(target=work, name=f"doctor-{look.__name__}", daemon=True)
    thread.start()
    return _Running(theme, look, thread, result)


def _name(look: Look) -> str:
    return look.__name__.replace("_", " ")
