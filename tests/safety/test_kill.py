"""Whatever process dies or stops: the registers say neutral within 150 ms."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from jetracer.core.errors import GuardLost
from jetracer.sim.board import Board
from tests.safety.processes import CONFIG, drive, gone, neutral, started, wait_until

LIMIT_S = 0.15


def time_to_neutral(board, pid, number):
    """Seconds from the signal until the registers say neutral."""
    assert not neutral(board)
    start_s = time.monotonic()
    os.kill(pid, number)
    while not neutral(board):
        assert time.monotonic() < start_s + 2.0, "the car drives on"
        time.sleep(0.0005)
    return time.monotonic() - start_s


@pytest.fixture
def driving(tmp_path):
    """(board, pids by name) of a car that drives."""
    board = Board.create(str(tmp_path / "board"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.safety.processes", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    guard, parent = map(int, process.stdout.readline().split())
    yield board, {"driver": process.pid, "guard": guard, "parent": parent}
    process.kill()
    process.wait()
    process.stdout.close()
    board.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("who", ["driver", "guard", "parent"])
def test_neutral_whoever_is_killed_or_stopped(driving, who, number):
    board, pids = driving
    assert time_to_neutral(board, pids[who], number) < LIMIT_S
    time.sleep(0.2)
    assert neutral(board)


@pytest.mark.parametrize("who", ["guard", "parent"])
def test_who_was_stopped_does_not_come_back(driving, who):
    board, pids = driving
    time_to_neutral(board, pids[who], signal.SIGSTOP)
    wait_until(lambda: gone(pids["guard"]) and gone(pids["parent"]))


def test_a_driver_that_wakes_up_again_is_not_obeyed(driving):
    board, pids = driving
    time_to_neutral(board, pids["driver"], signal.SIGSTOP)
    os.kill(pids["driver"], signal.SIGCONT)
    for _ in range(100):
        assert neutral(board)
        time.sleep(0.002)


def test_the_driver_is_told(tmp_path):
    board = Board.create(str(tmp_path / "board"))
    with started(tmp_path, CONFIG) as guard:
        client = guard.connect()
        drive(client)
        time_to_neutral(board, guard.guard_pid, signal.SIGKILL)
        with pytest.raises(GuardLost, match="the car is in neutral"):
            client.status()
    board.close()
