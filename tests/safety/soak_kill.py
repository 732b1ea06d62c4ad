"""Kill or stop every process at random instants:   python -m tests.safety.soak_kill [--instants 200]

Each round starts a whole simulated drive, waits a random time, sends SIGKILL or SIGSTOP to one of its processes and
reads the virtual PCA9685 until it says neutral. Then, unless --no-commands, a million commands of every kind (see
test_any_commands). Prints one line of JSON; exit status 1 when one round took longer than the limit.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jetracer.core.runtime import memory_dir
from jetracer.safety.client import GuardClient
from jetracer.sim.board import Board
from tests.safety.processes import neutral

LIMIT_S = 0.150
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}


class Bare:
    """A guard and a small program that drives with it: three processes."""

    victims = ("drive", "guard", "parent")

    def __init__(self, folder: Path) -> None:
        self.board = Board.create(str(folder / "board"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.safety.processes", str(folder)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        guard, parent = map(int, self._process.stdout.readline().split())
        self.pids = {"drive": self._process.pid, "guard": guard, "parent": parent}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self.board.close()


class Drive:
    """`jetracer drive --sim`: with the simulated world, four processes. Found by looking at its children."""

    victims = ("drive", "guard", "parent", "world")

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "JETRACER_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jetracer.cli.main", "drive", "--sim", "--headless", "--duration", "60",
             "--film", "false", "--runs", str(folder / "runs")],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            self._attach(folder)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _attach(self, folder: Path) -> None:
        socket_path, board_path = self._find(folder, "guard.sock"), self._find(folder, "board")
        with GuardClient(socket_path) as client:
            status = client.status()
        worlds = [pid for pid in children(self._process.pid) if "jetracer.sim.server" in command_line(pid)]
        self.pids = {"drive": self._process.pid, "guard": status.guard_pid, "parent": status.parent_pid,
                     "world": worlds[0]}  # fmt: skip
        self.board = Board.attach(str(board_path))
        self._wait(lambda: self.board.pulse_us(1) > 1510, "it does not drive")

    def _find(self, folder: Path, name: str) -> Path:
        self._wait(lambda: list(folder.rglob(name)), f"there is no {name}")
        return next(folder.rglob(name))

    def _wait(self, condition, text: str) -> None:
        until_s = time.monotonic() + 30
        while not condition():
            if self._process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"The drive did not come up: {text}.")
            time.sleep(0.01)

    def close(self) -> None:
        for pid in self.pids.values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
        self.board.close()


def children(pid: int) -> list:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in found]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def one_round(kind, victim: str, number: int) -> float:
    """Seconds from the signal to neutral registers; they must stay so for another 0.1 s."""
    with tempfile.TemporaryDirectory(dir=memory_dir()) as folder:
        system = kind(Path(folder))
        try:
            time.sleep(random.uniform(0.0, 0.5))
            start_s = time.monotonic()
            os.kill(system.pids[victim], number)
            took_s = until_neutral(system.board, start_s)
            time.sleep(0.1)
            return took_s if neutral(system.board) else float("inf")
        finally:
            system.close()


def until_neutral(board: Board, start_s: float) -> float:
    while not neutral(board):
        if time.monotonic() > start_s + 5.0:
            return float("inf")
        time.sleep(0.0005)
    return time.monotonic() - start_s


def soak(kind, instants: int, seed: int) -> dict:
    random.seed(seed)
    taken = {}
    for turn in range(instants):
        victim = kind.victims[turn % len(kind.victims)]
        name = random.choice(list(SIGNALS))
        taken.setdefault(f"{name} {victim}", []).append(1000 * one_round(kind, victim, SIGNALS[name]))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{turn + 1}/{instants}")
    every = [ms for times in taken.values() for ms in times]
    return {"system": kind.__name__.lower(), "instants": instants, "seed": seed, "limit_ms": 1000 * LIMIT_S,
            "worst_ms": max(every), "median_ms": statistics.median(every),
            "too_late": sum(ms > 1000 * LIMIT_S for ms in every),
            "by_case": {case: {"n": len(times), "median_ms": statistics.median(times), "worst_ms": max(times)}
                        for case, times in sorted(taken.items())}}  # fmt: skip


def million_commands() -> bool:
    test = str(Path(__file__).with_name("test_any_commands.py"))
    environment = {**os.environ, "JETRACER_COMMANDS": "1000000"}
    return subprocess.run([sys.executable, "-m", "pytest", test], env=environment, stdout=sys.stderr,
                          check=False).returncode == 0  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bare", action="store_true", help="guard and a small driver only, no world and no camera")
    parser.add_argument("--no-commands", action="store_true", help="leave the million commands out")
    options = parser.parse_args()
    result = soak(Bare if options.bare else Drive, options.instants, options.seed)
    if not options.no_commands:
        result["million_commands"] = "passed" if million_commands() else "FAILED"
    print(json.dumps(result))
    return 1 if result["too_late"] or result.get("million_commands") == "FAILED" else 0


if __name__ == "__main__":
    sys.exit(main())
