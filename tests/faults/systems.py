"""Cars that drive in processes of their own, to be killed or stopped.

A loaded machine stops a car by itself, rightly; `moving` then starts another one.
"""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Dict, FrozenSet, Iterator, List, Type, Union

from jetracer.core.errors import GuardError
from jetracer.core.runtime import memory_dir
from jetracer.safety.client import GuardClient
from jetracer.sim.board import Board
from tests.safety.processes import neutral, started

START_S, GIVE_UP_S = 30.0, 5.0
TRIES = 10


class DidNotDrive(RuntimeError):
    """It did not come up, or stopped before its time."""


class Bare:
    """A guard, its parent, and a small program that drives with it and did not start it, as with the services."""

    victims = ("drive", "guard", "parent")

    def __init__(self, folder: Path) -> None:
        self.board = Board.create(str(folder / "board"))
        self.guard_socket = folder / "s"
        self._guard = started(folder)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.safety.processes", str(folder), "join"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        if not self.process.stdout.readline():
            self.close()
            raise DidNotDrive("The program did not come up.")
        self.pids = {"drive": self.process.pid, "guard": self._guard.guard_pid, "parent": self._guard.parent_pid}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._guard.close()
        self.board.close()


class Drive:
    """`jetracer drive --sim`: with the simulated world, four processes. Found by looking at its children."""

    victims = ("drive", "guard", "parent", "world")

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "JETRACER_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jetracer.cli.main", "drive", "--sim", "--headless", "--duration", "60",
             "--film", "false", "--runs", str(folder / "runs")],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.pids: Dict[str, int] = {}
        try:
            self._attach(folder)
        except BaseException:
            self._kill()
            raise

    def _attach(self, folder: Path) -> None:
        self.guard_socket, board_path = self._find(folder, "guard.sock"), self._find(folder, "board")
        with GuardClient(self.guard_socket) as client:
            status = client.status()
        worlds = [pid for pid in children(self.process.pid) if "jetracer.sim.server" in command_line(pid)]
        self.pids = {"drive": self.process.pid, "guard": status.guard_pid, "parent": status.parent_pid,
                     "world": worlds[0]}  # fmt: skip
        self.board = Board.attach(str(board_path))
        self._wait(lambda: self.board.pulse_us(1) > 1510, "it does not drive")

    def _find(self, folder: Path, name: str) -> Path:
        self._wait(lambda: list(folder.rglob(name)), f"there is no {name}")
        return next(folder.rglob(name))

    def _wait(self, condition: Callable[[], object], text: str) -> None:
        until_s = time.monotonic() + START_S
        while not condition():
            if self.process.poll() is not None or time.monotonic() > until_s:
                raise DidNotDrive(f"The drive did not come up: {text}.")
            time.sleep(0.01)

    def close(self) -> None:
        self._kill()
        self.board.close()

    def _kill(self) -> None:
        for pid in [self.process.pid, *self.pids.values()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


System = Union[Bare, Drive]


@contextmanager
def moving(kind: Type[System], wait_s: float) -> Iterator[System]:
    """A car that has driven for `wait_s` and still does."""
    for number in range(TRIES):
        with tempfile.TemporaryDirectory(dir=memory_dir()) as folder:
            try:
                system = kind(Path(folder))
            except (DidNotDrive, GuardError):
                if number == TRIES - 1:
                    raise
                continue
            try:
                time.sleep(wait_s)
                if not neutral(system.board):
                    yield system
                    return
            finally:
                system.close()
    raise DidNotDrive("The car does not keep driving: the machine is too loaded.")


def until_neutral(board: Board, start_s: float) -> float:
    """Seconds from `start_s` until the registers say neutral; they must stay so for another 0.1 s, else infinite."""
    give_up_s = time.monotonic() + GIVE_UP_S
    while not neutral(board):
        if time.monotonic() > give_up_s:
            return float("inf")
        time.sleep(0.0005)
    took_s = time.monotonic() - start_s
    time.sleep(0.1)
    return took_s if neutral(board) else float("inf")


def reasons(system: System) -> FrozenSet[str]:
    """What holds the car, in the words of its guard; nothing where that has ended."""
    try:
        with GuardClient(system.guard_socket) as client:
            return frozenset(stop.reason for stop in client.status().decision.stops)
    except GuardError:
        return frozenset()


def children(pid: int) -> List[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in found]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
