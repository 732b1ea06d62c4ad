"""The guard's parent: does nothing but watch the guard, and puts the car in neutral when the guard cannot.

    python -m jetracer.safety.failsafe --bus 1
    python -m jetracer.safety.failsafe --kit car.toml --wait true        as a service does

A PCA9685 goes on with its last pulse when the process that wrote it dies. So there are two processes with
a bus handle each: whichever of them is killed, stopped or hangs, the other writes neutral and ends it.
"""
from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any, List, Optional, Tuple

from jetracer.car.base import Car, make_car
from jetracer.car.battery import open_battery
from jetracer.car.computer import Computer, ComputerWatch
from jetracer.core import realtime
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import BusError, ConfigError, GuardTaken, JetRacerError
from jetracer.core.i2c import open_bus
from jetracer.core.notify import Notifier
from jetracer.safety.claim import Claim
from jetracer.safety.gate import SafetyGate
from jetracer.safety.guard import GuardCore
from jetracer.safety.heartbeat import PERIOD_S, Heartbeat, heartbeat_pair
from jetracer.safety.launch import Launch, from_arguments
from jetracer.safety.server import GuardServer, serve_until_signal

REAP_S = 0.5  # a process that ends or was killed is gone within this, unless the kernel holds it in a transfer
TERM_S = 0.5  # granted to a guard that was asked to end
PRIORITY = 60  # SCHED_FIFO, above the drive loop's
MISTAKEN = 2  # exit status for a configuration that makes no sense: no use in trying again
NOT_STARTED = 3  # exit status of a guard that has said by itself why it did not start
WAIT_S = 0.5  # between two looks for a car that is not there


class Failsafe:
    """Watches the guard `pid` by its heartbeats; `run` returns this process's exit status."""

    def __init__(self, guard: Heartbeat, pid: int, car: Car, clock: Clock, service: Optional[Notifier] = None) -> None:
        self._guard, self._pid, self._car, self._clock = guard, pid, car, clock
        self._service = service or Notifier({})
        self._end_by_s: Optional[float] = None  # set once the guard was asked to end
        self._reaped = False

    def ask_to_end(self, *_signal: object) -> None:
        """End the guard in good order; usable as a signal handler."""
        if self._end_by_s is None:
            self._end_by_s = self._clock.now_s() + TERM_S
            os.kill(self._pid, signal.SIGTERM)

    def run(self) -> int:
        poll = select.poll()
        poll.register(self._guard.fileno(), select.POLLIN)
        while self._guard.exchange(self._clock.now_s()) and not self._overdue():
            if self._guard.heard:  # it listens, and the car answers
                self._service.turn(self._clock.now_s())
            poll.poll(1000 * PERIOD_S)
        return self._after()

    def _overdue(self) -> bool:
        return self._end_by_s is not None and self._clock.now_s() > self._end_by_s

    def _after(self) -> int:
        """Neutral at once, and again when the guard is surely gone: it may have been slow and not stopped."""
        self._neutral()
        if self._guard.closed:
            status = self._reap()
            if status in (0, NOT_STARTED):
                return status
        if not self._reaped:
            os.kill(self._pid, signal.SIGKILL)
            self._reap()
        how = "died" if self._guard.closed else "was stopped or hung"
        sys.stderr.write(f"jetracer guard: the guard {how}; {_state(self._neutral())}.\n")
        return 1

    def _neutral(self) -> str:
        """Empty, or why it failed."""
        try:
            self._car.neutral()
        except Exception as error:  # anything at all: there is nobody left to ask
            return str(error) or type(error).__name__
        return ""

    def _reap(self) -> Optional[int]:
        """The guard's exit status; None when it was killed or does not end."""
        until_s = self._clock.now_s() + REAP_S
        while self._clock.now_s() <= until_s:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._reaped = True
                return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
            time.sleep(0.001)
        return None


class Report:
    """Tells whoever started the guard, once, that it listens or why it does not."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def ready(self, **facts: Any) -> None:
        self._tell(json.dumps(facts))

    def failed(self, error: Exception) -> None:
        if self._fd < 0:
            sys.stderr.write(f"jetracer guard: {error}\n")
        self._tell(json.dumps({"error": type(error).__name__, "text": str(error)}))

    def _tell(self, line: str) -> None:
        if self._fd >= 0:
            with suppress(BrokenPipeError):  # the other process was first, and nobody listens any more
                os.write(self._fd, line.encode() + b"\n")
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def main(argv: Optional[List[str]] = None) -> int:
    """Start the guard and become its parent; returns in both processes, with the exit status of each."""
    report, service = Report(-1), Notifier()
    try:
        launch = from_arguments(sys.argv[1:] if argv is None else argv)
        report = Report(launch.ready_fd)
        claim = _patiently(launch, service) if launch.wait else make_claim(launch)
        claim.describe(launch)
    except JetRacerError as error:
        report.failed(error)
        return MISTAKEN if isinstance(error, ConfigError) else NOT_STARTED
    pair = heartbeat_pair()
    pid = os.fork()
    return _parent(launch, claim, pair, pid, report, service) if pid else _guard(launch, claim, pair, report)


def make_claim(launch: Launch) -> Claim:
    """On the socket and the bus of this launch. Raises GuardTaken or GuardError."""
    return Claim(launch.guard, None if launch.car.name == "null" else launch.bus)


def _patiently(launch: Launch, service: Notifier) -> Claim:
    """The claim, once the car answers: a bus may come up late, and a battery be switched on much later."""
    said = ""
    while True:
        try:
            _look_for(launch)
            return make_claim(launch)
        except (BusError, GuardTaken) as error:
            if str(error) != said:
                said = str(error)
                service.status(f"waiting: {said}")
                sys.stderr.write(f"jetracer guard: waiting: {said}\n")
        time.sleep(WAIT_S)


def _look_for(launch: Launch) -> None:
    """Whether the car's chips answer; only reads. Raises BusError when they do not."""
    bus = bus_of(launch)
    if bus is None:
        return
    try:
        make_car(bus, launch.car).healthy()
    except OSError as error:
        raise BusError(f"The car's chips do not answer on bus {launch.bus} ({error.strerror or error}).") from error
    finally:
        bus.close()


def _parent(launch: Launch, claim: Claim, pair: Tuple[Heartbeat, Heartbeat], pid: int, report: Report,
            service: Optional[Notifier] = None) -> int:
    clock, (guard, parent) = MonotonicClock(), pair
    parent.close()
    claim.listener.close()
    try:
        car = make_car(bus_of(launch), launch.car)
    except JetRacerError as error:
        report.failed(error)
        return NOT_STARTED  # closes the heartbeat: the guard ends too
    report.close()
    failsafe = Failsafe(guard, pid, car, clock, service)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, failsafe.ask_to_end)
    if launch.guard.realtime:
        realtime.enter_realtime(PRIORITY)
    status = failsafe.run()
    claim.sweep()
    return status


def _guard(launch: Launch, claim: Claim, pair: Tuple[Heartbeat, Heartbeat], report: Report) -> int:
    config, clock, (guard, parent) = launch.guard, MonotonicClock(), pair
    guard.close()
    try:
        bus = bus_of(launch)
        car, battery, computer = make_car(bus, launch.car), open_battery(bus, config.battery), _computer(launch)
        core = GuardCore(car, SafetyGate(config.limits), clock, battery, computer)
        core.open()
        claim.listen()
    except JetRacerError as error:
        report.failed(error)
        return NOT_STARTED
    server = GuardServer(core, claim.listener, parent, clock, launch.lifeline_fd)
    realtime.freeze_garbage()
    refused = realtime.enter_realtime(PRIORITY) if config.realtime else None
    while not parent.heard and parent.exchange(clock.now_s()):
        time.sleep(0.001)
    report.ready(guard_pid=os.getpid(), parent_pid=os.getppid(), realtime=config.realtime and refused is None)
    neutral = serve_until_signal(server)
    claim.release()
    if neutral and not server.ended:
        return 0
    state = _state("" if neutral else "no acknowledge")
    sys.stderr.write(f"jetracer guard: {server.ended or 'asked to end'}; {state}.\n")
    return 1


def _state(trouble: str) -> str:
    return f"the bus does not answer ({trouble}): SWITCH THE CAR OFF" if trouble else "car in neutral"


def bus_of(launch: Launch) -> Any:
    """A handle of this process's own, as a shared one would share its locks too; None for a car without motors."""
    return None if launch.car.name == "null" else open_bus(launch.bus)


def _computer(launch: Launch) -> Optional[ComputerWatch]:
    """Watches the computer of a real car: how warm a laptop is does not matter to a simulated one."""
    nothing_moves = launch.bus.startswith("sim:") or launch.car.name == "null"
    root = launch.guard.root or ("" if nothing_moves else "/")
    if not root:
        return None
    watch = ComputerWatch(Computer(root))
    watch.open()
    return watch


if __name__ == "__main__":
    sys.exit(main())
