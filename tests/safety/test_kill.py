"""What follows when a process was killed or stopped. That the car is in neutral in time: tests/faults."""
from __future__ import annotations

import os
import signal
import time

import pytest

from jetracer.core.errors import GuardLost
from jetracer.sim.board import Board
from tests.faults.systems import Bare, moving, until_neutral
from tests.safety.processes import CONFIG, drive, gone, neutral, started, wait_until


@pytest.fixture
def driving():
    """A car that drives."""
    with moving(Bare, 0.0) as system:
        yield system


@pytest.mark.parametrize("who", ["guard", "parent"])
def test_who_was_stopped_does_not_come_back(driving, who):
    os.kill(driving.pids[who], signal.SIGSTOP)
    wait_until(lambda: gone(driving.pids["guard"]) and gone(driving.pids["parent"]))


def test_a_driver_that_wakes_up_again_is_not_obeyed(driving):
    os.kill(driving.pids["drive"], signal.SIGSTOP)
    assert until_neutral(driving.board, time.monotonic()) < 0.15
    os.kill(driving.pids["drive"], signal.SIGCONT)
    for _ in range(100):
        assert neutral(driving.board)
        time.sleep(0.002)


def test_the_driver_is_told(tmp_path):
    board = Board.create(str(tmp_path / "board"))
    with started(tmp_path, CONFIG) as guard:
        client = guard.connect()
        drive(client)
        os.kill(guard.guard_pid, signal.SIGKILL)
        assert until_neutral(board, time.monotonic()) < 0.15
        with pytest.raises(GuardLost, match="the car is in neutral"):
            client.status()
    board.close()
