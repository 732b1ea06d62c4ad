"""The guard's mind: who may drive, what reaches the motors, and what stops them. No sockets, no processes.

`handle` takes a message, `tick` lets time pass; both apply the gate and write to the car only what changed.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Dict, Optional

from jetracer.car.base import Car
from jetracer.car.battery import Battery, BatteryConfig
from jetracer.core.clock import Clock
from jetracer.core.types import NEUTRAL, Command, Decision
from jetracer.safety import protocol as p
from jetracer.safety import reasons as r
from jetracer.safety.gate import SafetyGate, Seen, problem
from jetracer.safety.health import Health
from jetracer.safety.limits import Limits
from jetracer.safety.protocol import Message, Status

TRIES = 3  # of one write, at once, before the bus counts as failed
HUNG_S = 0.02  # a try that fails after so long hung: what it was to write is old, and is not written a second time
REFRESH_S = 0.2  # an unchanged command is written again this often, and the chip looked at


@dataclass(frozen=True)
class GuardConfig:
    """The guard's process and what it lets through; which car it owns is said by `CarConfig`."""

    socket: str = ""  # where it listens; empty: guard.sock in the runtime folder
    group_access: bool = False  # let the socket's group in, not only its owner
    realtime: bool = True  # SCHED_FIFO and locked memory where permitted
    limits: Limits = field(default_factory=Limits)
    battery: BatteryConfig = field(default_factory=BatteryConfig)
    root: str = ""  # where the computer's own sensors are; empty: / for a real car, none for one that is not


_NOTHING = Message(p.COMMAND, 0, -math.inf)


class GuardCore:
    """Starts neutral and disarmed. One client at a time drives; anybody may stop the car.

    `battery` and `computer` as `Health` takes them. No error of car or battery leaves this class, but of `open`.
    """

    def __init__(self, car: Car, gate: SafetyGate, clock: Clock, battery: Optional[Battery] = None,
                 computer: Optional[Any] = None) -> None:
        self.finished = False
        self._car, self._gate, self._clock = car, gate, clock
        self._health = Health(gate.limits, battery, computer)
        self._counters: Dict[str, int] = dict.fromkeys(p.COUNTERS, 0)
        self._owner: Optional[int] = None
        self._forget_commands()
        self._armed, self._latched, self._gesture_possible = False, 0, False
        self._opened_s = self._write_t_s = self._looked_s = -math.inf
        self._decided_s: Optional[float] = None
        self._bus_down = False
        self._held = 0  # of the reasons that are let go later than they begin
        self._let_through = NEUTRAL  # by the gate; what the slew limits start from
        self._sent = NEUTRAL  # by the car
        self._decision = Decision()

    def open(self) -> None:
        """Motors to neutral. Raises BusError when the car does not answer."""
        self._car.open()
        self._opened_s = self._write_t_s = self._looked_s = self._clock.now_s()

    def close(self) -> bool:
        """Disarm and leave the motors in neutral; False when the bus did not take it."""
        self._armed = False
        written = self._write(NEUTRAL)
        self._car.close()
        return written

    def handle(self, message: Message, now_s: float, client: int = 0) -> Decision:
        """Act on one message of a client and say what was really sent."""
        kind = message.kind
        if kind == p.COMMAND:
            return self._decide(now_s, self._command(message, now_s, client))
        notice = 0
        if kind == p.ARM:
            notice = self._arm(now_s) if client == self._owner else self._stranger()
        elif kind == p.ESTOP:
            self._stop(r.ESTOP)
        elif kind == p.RELEASE:
            self._release(client, 0)
        elif kind == p.SHUTDOWN:
            self.finished = True
            self._stop(0)
        return self._decide(now_s, notice)

    def malformed(self, now_s: float) -> Decision:
        """A message came that could not be read."""
        self._counters["malformed"] += 1
        return self._decide(now_s, r.MALFORMED)

    def gone(self, client: int, now_s: float) -> Decision:
        """A client has disconnected; when it was the one that drives, the car stops and stays stopped."""
        self._release(client, r.WATCHDOG if self._armed else 0)
        return self._decide(now_s)

    def tick(self, now_s: float) -> Decision:
        """Judge ages anew and look after the car; call it every 10 ms or so."""
        reasons = self._health.look(now_s)
        if reasons:
            self._stop(reasons)
        if now_s - self._looked_s >= REFRESH_S:
            self._looked_s = now_s
            self._look(now_s)
        return self._decide(self._clock.now_s())  # both may have hung with the bus

    @property
    def out_of_reach(self) -> bool:
        """The bus is down and the car was not in neutral when it was last reached: its wheels may turn."""
        return self._bus_down and self._sent != NEUTRAL

    def woke(self) -> None:
        """The machine has slept, and the car driven on by its last pulse: it stays stopped until somebody arms it."""
        self._stop(r.WATCHDOG if self._armed else 0)

    def status(self) -> Status:
        latched = tuple(stop.reason for stop in r.stops(self._latched))
        health = self._health
        return Status(self._decision, latched, self._write_t_s, health.battery_v, health.reading.amps, health.cells,
                      health.temperature_c, self._owned(), dict(self._counters))

    # -- commands

    def _command(self, message: Message, now_s: float, client: int) -> int:
        """Take the command in; the reasons why it was not, or why the car was not armed by it."""
        if message.pilot.estop:
            self._stop(r.ESTOP)  # whoever says it, however late
        if self._owner not in (client, None):
            self._counters["refused"] += 1
            return r.OTHER_DRIVER
        bad = problem(message.t_s, now_s, message.seq, self._seq, self._gate.limits.command_timeout_s)
        if bad:
            self._counters["late" if bad == r.LATE else "repeated"] += 1
            return bad
        if self._armed:  # a silence counts although no tick fell into it: the guard may have slept with the machine
            silent = self._gate.conditions(self._seen(now_s)) & r.WATCHDOG
            if silent:
                self._stop(silent)
        self._owner, self._seq, self._wanted = client, message.seq, message.command
        if not (math.isfinite(message.command.steering) and math.isfinite(message.command.throttle)):
            self._counters["not_finite"] += 1  # neutral at once by the gate; no sign of life
            return 0
        self._counters["accepted"] += 1
        self._newest = message
        if self._gate.sure(message.confidence):
            self._sure_t_s = now_s
        return self._gesture(message.pilot.arm, now_s)

    def _gesture(self, arm: bool, now_s: float) -> int:
        """The arming button: it counts while held, but only when it was let go since the last stop."""
        if not arm:
            self._gesture_possible = True
            return 0
        return self._arm(now_s) if self._gesture_possible and not self._armed else 0

    def _arm(self, now_s: float) -> int:
        hindrances = self._gate.hindrances(self._wanted, self._seen(now_s))
        if now_s - self._opened_s < self._car.settle_s:
            hindrances |= r.SETTLING
        if self._bus_down:
            hindrances |= r.BUS_FAULT
        if not hindrances:
            self._armed, self._latched, self._gesture_possible = True, 0, False
        return hindrances

    def _stranger(self) -> int:
        """Why a client that does not drive may not arm."""
        return r.OTHER_DRIVER if self._owned() else r.WATCHDOG

    def _stop(self, reasons: int) -> None:
        self._armed, self._gesture_possible = False, False
        self._latched |= reasons

    def _release(self, client: int, reasons: int) -> None:
        if client == self._owner:
            self._owner = None
            self._forget_commands()
            self._stop(reasons)

    def _forget_commands(self) -> None:
        self._seq, self._wanted, self._newest, self._sure_t_s = -1, NEUTRAL, _NOTHING, -math.inf

    def _owned(self) -> bool:
        return self._owner is not None

    # -- decisions

    def _seen(self, now_s: float) -> Seen:
        newest, health = self._newest, self._health
        pilot = newest.pilot
        dt_s = 0.0 if self._decided_s is None else max(0.0, now_s - self._decided_s)
        return Seen(
            now_s, min(dt_s, self._gate.limits.command_timeout_s), newest.t_s, newest.frame_t_s, pilot.t_s,
            self._sure_t_s, pilot.deadman, pilot.estop, pilot.mode, pilot.command.throttle, health.cell_v,
            health.temperature_c, self._held, self._armed, self._latched, self._let_through,
        )  # fmt: skip

    def _decide(self, now_s: float, notice: int = 0) -> Decision:
        seen = self._seen(now_s)
        decision = self._gate.check(self._wanted, seen)
        if self._armed and not decision.armed:
            self._stop(self._gate.conditions(seen) & r.LATCHING)
        self._held = r.bits(decision.stops) & r.LEVELS
        self._decided_s = now_s
        self._let_through = decision.command
        notice |= self._health.notices
        t_s, failed = now_s, self._bus_down
        if failed or decision.command != self._written or now_s - self._write_t_s >= REFRESH_S:
            failed = not self._write(decision.command)
            t_s = self._write_t_s if not failed else now_s
        if failed:
            self._stop(r.BUS_FAULT)
            notice |= r.BUS_FAULT
        stops = r.stops(r.bits(decision.stops) | notice) if notice else decision.stops
        self._decision = Decision(self._sent, stops, self._armed, t_s)
        return self._decision

    # -- the car

    _written: Optional[Command] = None  # what was asked of the car last; None = unknown

    def _write(self, command: Command) -> bool:
        start_s = self._clock.now_s()
        for _ in range(TRIES):
            try:
                self._sent = self._car.apply(command)
            except Exception:  # whatever breaks down there: the guard lives on and tries to stop the car
                self._counters["bus_errors"] += 1
                if command != NEUTRAL and self._clock.now_s() - start_s > HUNG_S:
                    break
            else:
                self._counters["writes"] += 1
                self._written, self._bus_down, self._write_t_s = command, False, self._clock.now_s()
                return True
        self._written, self._bus_down = None, True
        return False

    def _look(self, now_s: float) -> None:
        """A chip that lost its power is set up anew, in neutral; the car has to be armed again."""
        try:
            if not self._car.healthy():
                self._stop(r.BROWN_OUT)
                self._car.open()
                self._opened_s, self._written = now_s, NEUTRAL
        except Exception:  # as in _write
            self._counters["bus_errors"] += 1
            self._bus_down = True
            self._stop(r.BUS_FAULT)
