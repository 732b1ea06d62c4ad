"""Faults that the guard's mind meets, on a simulated car and a clock that moves only when told to."""
from __future__ import annotations

import math
from typing import Callable

from jetracer.car.computer import WATCH_S, Vitals
from jetracer.core.types import AUTOMATIC, NEUTRAL, Command, Pilot
from jetracer.safety import protocol
from jetracer.safety.protocol import Message
from jetracer.sim import ina219, pca9685
from tests.safety.rig import DRIVE, Rig, names

from .flows import spread
from .row import Found, Inject

STEP_S, TICK_STEPS, SEND_STEPS = 0.001, 10, 20
GIVE_UP_S = 3.0
STRANGER = 7
NOT_A_NUMBER = Command(0.1, math.nan)
FULL_V, WARN_V, LIMIT_V, EMPTY_V, DIP_V = 12.0, 10.3, 9.75, 9.15, 7.0  # three cells
COOL = Vitals(50.0, dips=7)


class Driven(Rig):
    """A car in motion: a program sends a command every 20 ms, the guard ticks every 10 ms.

    `say`, given the time since the fault, stands in for the healthy program.
    """

    def __init__(self, phase: float) -> None:
        super().__init__(battery=True)
        self.board.set_battery(FULL_V, -1.0)
        self.computer.newest = COOL
        self.arm()
        self.say: Callable[[float], object] = lambda _age_s: self.send(dt_s=0.0)
        self._steps = 0
        self.fault_s = math.inf
        self.turn(0.3 + phase * (WATCH_S + 3 * STEP_S))
        assert not self.neutral and self.guard.status().armed

    def turn(self, s: float) -> None:
        for _ in range(round(s / STEP_S)):
            self.step()

    def step(self) -> None:
        self._steps += 1
        self.clock.advance(STEP_S)
        if self._steps % SEND_STEPS == 0:
            self.say(self.clock.now_s() - self.fault_s)
        if self._steps % TICK_STEPS == 0:
            self.guard.tick()

    def said(self) -> set:
        return set(names(self.core.status().decision))

    def message(self, kind: int, seq: int, age_s: float = 0.0, command: Command = DRIVE) -> Message:
        now_s = self.clock.now_s()
        return Message(kind, seq, now_s - age_s, command, now_s, Pilot(deadman=True, mode=AUTOMATIC, t_s=now_s), 1.0)


Act = Callable[[Driven], object]


def stops(act: Act) -> Inject:
    """From the end of `act`, which injects the fault, until the registers say neutral; they have to stay so."""
    return _until(act, lambda rig: rig.neutral)


def notice(act: Act, name: str) -> Inject:
    """Until the guard says it; the car drives on."""
    return _until(act, lambda rig: name in rig.said())


def _until(act: Act, condition: Callable[[Driven], bool]) -> Inject:
    def inject(number: int) -> Found:
        rig = Driven(spread(number))
        act(rig)
        rig.fault_s, since_s, reasons = rig.clock.now_s(), None, set()  # type: float, Optional[float], set
        while rig.clock.now_s() < rig.fault_s + GIVE_UP_S:
            if not condition(rig):
                since_s = None
            elif since_s is None:
                since_s = rig.clock.now_s()
            reasons |= rig.said()
            rig.step()
        return Found(math.inf if since_s is None else since_s - rig.fault_s, frozenset(reasons))

    return inject


def say(**ill: object) -> Act:
    """The program sends commands that are ill in this way (see `Rig.send`)."""
    return lambda rig: setattr(rig, "say", lambda _age_s: rig.send(dt_s=0.0, **ill))


def silence(rig: Driven) -> None:
    rig.say = lambda _age_s: None


def pilot_lost(rig: Driven) -> None:
    """The program goes on, with what it heard of the pilot last."""
    rig.say = lambda age_s: rig.send(dt_s=0.0, pilot_age_s=age_s)


def only_late(rig: Driven) -> None:
    """Every command is 0.2 s old when it arrives: a program that woke up, or a clock of another machine."""
    seqs = iter(range(10**6, 10**7))
    rig.say = lambda _age_s: rig.core.handle(rig.message(protocol.COMMAND, next(seqs), 0.2), rig.clock.now_s())


def only_repeated(rig: Driven) -> None:
    rig.say = lambda _age_s: rig.core.handle(rig.message(protocol.COMMAND, 1), rig.clock.now_s())


def disconnected(rig: Driven) -> None:
    silence(rig)
    rig.core.gone(0, rig.clock.now_s())


def estop_by_another(rig: Driven) -> None:
    rig.core.handle(rig.message(protocol.ESTOP, 0, command=NEUTRAL), rig.clock.now_s(), STRANGER)


def battery(volts: float) -> Act:
    return lambda rig: rig.board.set_battery(volts, -1.0)


def sensor_lost(rig: Driven) -> None:
    rig.board.nak(ina219.ADDRESS, True)


def chip_silent(rig: Driven) -> None:
    rig.board.nak(pca9685.ADDRESS, True)


def computer(**vitals: object) -> Act:
    """The computer's sensors say so from now on; they are read once a second."""

    def act(rig: Driven) -> None:
        due_s, healthy = math.floor(rig.clock.now_s() / WATCH_S + 1) * WATCH_S, rig.say

        def look(age_s: float) -> None:
            if rig.clock.now_s() >= due_s:
                rig.computer.newest = COOL._replace(**vitals)
            healthy(age_s)

        rig.say = look

    return act
