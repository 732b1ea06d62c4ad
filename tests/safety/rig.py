"""A simulated car behind the guard's mind, on a clock that moves only when told to."""
from __future__ import annotations

import math
from typing import Optional

from jetracer.car.base import CarConfig
from jetracer.car.battery import BatteryConfig, open_battery
from jetracer.car.computer import Vitals
from jetracer.car.servo_esc import ServoEsc
from jetracer.core.clock import FakeClock
from jetracer.core.types import AUTOMATIC, NEUTRAL, Command, Pilot
from jetracer.safety.client import LocalGuard
from jetracer.safety.limits import Limits
from jetracer.sim.board import Board
from tests.safety.processes import NEUTRAL_US

DRIVE = Command(0.2, 0.3)


class Watched:
    """Stands in for a ComputerWatch: what it has read last."""

    newest: Optional[Vitals] = None


class Rig:
    """`send` one command as a healthy program in automatic mode would; keywords make it ill."""

    def __init__(self, battery: bool = False, limits: Limits = Limits(), **car: float) -> None:  # noqa: B008
        self.clock = FakeClock(100.0)
        self.board = Board(now_s=self.clock.now_s)
        bus = self.board.bus()
        self.car = ServoEsc(bus, CarConfig(**car))
        pack = open_battery(bus, BatteryConfig()) if battery else None
        self.computer = Watched()
        self.guard = LocalGuard(self.car, limits, self.clock, pack, self.computer)
        self.core = self.guard.core
        self.guard.open()

    def send(self, command=DRIVE, *, dt_s=0.02, frame_age_s=0.01, confidence=1.0, pilot_age_s=0.0, **pilot):
        self.clock.advance(dt_s)
        now_s = self.clock.now_s()
        stick = Command(0.0, pilot.pop("stick", 0.0))
        healthy = {"deadman": True, "mode": AUTOMATIC, "t_s": now_s - pilot_age_s}
        return self.guard.send(command, now_s - frame_age_s, Pilot(stick, **{**healthy, **pilot}), confidence)

    def wait(self, s, tick_s=0.01):
        """Let time pass without commands, ticking as the guard's process does."""
        for _ in range(round(s / tick_s)):
            self.clock.advance(tick_s)
            decision = self.guard.tick()
        return decision

    def arm(self):
        """Settle, arm by the button, and drive until the slew limit is past."""
        for _ in range(30):
            self.send(NEUTRAL)
        self.send(NEUTRAL, arm=True)
        for _ in range(20):
            decision = self.send()
        return decision

    @property
    def pulses(self):
        return self.board.pulse_us(0), self.board.pulse_us(1)

    @property
    def neutral(self):
        return all(math.isclose(pulse, NEUTRAL_US) for pulse in self.pulses)


def names(decision):
    return [stop.reason for stop in decision.stops]
