"""Processes that are killed, stopped, frozen or out of memory, for real."""
from __future__ import annotations

import os
import signal
import time
from typing import Type

from tests.safety.processes import neutral

from .flows import spread
from .row import Found, Inject
from .systems import Bare, System, moving, reasons, until_neutral

WAIT_S = 0.5  # the instants are spread over it
FROZEN_S = 0.5


def killed(victim: str, kind: Type[System] = Bare) -> Inject:
    return _signalled(victim, signal.SIGKILL, kind)


def stopped(victim: str, kind: Type[System] = Bare) -> Inject:
    """A process that hangs does nothing either."""
    return _signalled(victim, signal.SIGSTOP, kind)


def interrupted(number: int) -> Found:
    """Ctrl-C."""
    return _signalled("drive", signal.SIGINT, Bare)(number)


def out_of_memory(number: int) -> Found:
    """The program takes all that it may have; what the kernel kills for want of memory is `killed`."""
    return _signalled("drive", signal.SIGUSR1, Bare)(number)


def frozen_together(number: int) -> Found:
    """A paused virtual machine or container: nobody can write neutral until it goes on, which is where time counts."""
    with moving(Bare, WAIT_S * spread(number)) as system:
        pids = [system.pids[name] for name in ("parent", "guard", "drive")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(FROZEN_S)
        assert not neutral(system.board), "one of them was not frozen"
        start_s = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        return Found(until_neutral(system.board, start_s), reasons(system))


def _signalled(victim: str, number_of_signal: int, kind: Type[System]) -> Inject:
    def inject(number: int) -> Found:
        with moving(kind, WAIT_S * spread(number)) as system:
            start_s = time.monotonic()
            os.kill(system.pids[victim], number_of_signal)
            return Found(until_neutral(system.board, start_s), reasons(system))

    return inject
