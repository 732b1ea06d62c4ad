"""The car's display while nobody drives: who the car is, how its battery is, what its guard says."""
from __future__ import annotations

import math
import socket
import threading
from dataclasses import dataclass, field, replace
from typing import Optional

from jetracer.car.base import CarConfig
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.i2c import AUTO
from jetracer.display.base import Display, DisplayConfig
from jetracer.display.pages import Facts, identity, kit, power
from jetracer.drive.panel import VITALS_S, state_of, with_figures
from jetracer.drive.screen import PERIOD_S, Screen
from jetracer.drive.vitals import CarView, network_address
from jetracer.safety.guard import GuardConfig
from jetracer.safety.protocol import Status
from jetracer.safety.reasons import reason


@dataclass(frozen=True)
class StandbyConfig:
    """What `jetracer display` can be told; a kit fills it in as it does for a drive."""

    bus: str = AUTO  # of the motors, the battery's sensor and the display
    car: CarConfig = field(default_factory=CarConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)  # of which its socket and battery matter here
    display: DisplayConfig = field(default_factory=lambda: DisplayConfig(name="ssd1306"))


class Standby:
    """`run` until `ended` is set, whatever is absent: display, bus, network and guard may come later."""

    def __init__(self, display: Display, view: CarView, kit_name: str = "", clock: Optional[Clock] = None) -> None:
        self.ended = threading.Event()
        self._view, self._clock = view, clock or MonotonicClock()
        self._screen = Screen(display, (identity, power, kit), clock=self._clock)
        self._facts = Facts(host=socket.gethostname(), kit=kit_name)
        self._vitals_s = -math.inf

    def run(self) -> None:
        while not self.ended.is_set():
            self.turn()
            self.ended.wait(PERIOD_S)
        self._screen.close(dark=True)  # nothing that is no longer true stays

    def turn(self) -> None:
        """Bring the facts up to date and show them."""
        now_s = self._clock.now_s()
        if now_s - self._vitals_s >= VITALS_S:
            self._vitals_s = now_s
            figures = self._view.read()
            self._facts = with_figures(replace(self._facts, address=network_address()), figures)
            guard = figures.guard
        else:
            guard = self._view.guard()
        self._facts = facts_of(guard, self._facts)
        self._screen.show(self._facts)


def facts_of(guard: Optional[Status], before: Facts) -> Facts:
    """What the guard says, with the rest as it was before. A fault stays until the car is armed again."""
    if guard is None:
        return replace(before, mode="standby", state="no guard", fault="")
    fault = reason(guard.latched[0]).text if guard.latched else ""
    return replace(before, mode="driven" if guard.owned else "standby", state=state_of(guard.decision), fault=fault)
