"""The last resort: neutral registers when no guard lives, hands off when one does."""
from __future__ import annotations

import subprocess
import sys

import pytest

from jetracer.car.servo_esc import ServoEsc
from jetracer.core.types import Command
from jetracer.safety.neutral import main
from jetracer.sim.board import Board
from tests.safety.processes import drive, neutral, started


@pytest.fixture
def board(tmp_path):
    made = Board.create(str(tmp_path / "board"))
    yield made
    made.close()


@pytest.fixture
def words(tmp_path):
    return ["--bus", f"sim:{tmp_path}/board", f"--guard.socket={tmp_path}/s"]


@pytest.fixture
def runaway(board):
    """A car whose programs have all died while it drove."""
    car = ServoEsc(board.bus())
    car.open()
    car.apply(Command(0.5, 0.5))
    assert not neutral(board)
    return board


def test_what_dead_programs_left_ends(runaway, words):
    command = [sys.executable, "-m", "jetracer.safety.neutral", *words]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    assert neutral(runaway)
    assert done.stderr == "jetracer neutral: car in neutral.\n"
    assert main(words) == 0, "and nothing is left locked"


def test_a_living_guard_keeps_its_motors(board, words, tmp_path, capsys):
    with started(tmp_path) as guard, guard.connect() as client:
        drive(client)
        assert main(words) == 0
        assert not neutral(board)
    assert capsys.readouterr().err == "jetracer neutral: a guard is alive and has the last word.\n"


def test_a_bus_that_does_not_take_it(runaway, words, capsys):
    runaway.nak(0x40, True)
    assert main(words) == 1
    assert "the bus does not answer (Remote I/O error): SWITCH THE CAR OFF" in capsys.readouterr().err


def test_no_bus_and_no_sense(tmp_path, words, capsys, monkeypatch):
    assert main(words) == 1
    assert "virtual board" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["neutral", "--kit", "nothing.toml"])
    assert main() == 1
    assert "Cannot read the configuration nothing.toml" in capsys.readouterr().err


def test_it_loads_nothing_heavy():
    probe = "import sys, jetracer.safety.neutral, jetracer.car.servo_esc; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
