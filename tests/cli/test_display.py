"""`jetracer display` as a service runs it."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from jetracer.cli.main import main
from jetracer.core.errors import ConfigError
from jetracer.sim.board import Board
from tests.safety.processes import wait_until


def started(tmp_path, *words):
    environment = {**os.environ, "JETRACER_RUNTIME_DIR": str(tmp_path)}
    program = [sys.executable, "-m", "jetracer.cli.main", "display", *words]
    return subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True)


def ended(process):
    asked_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _out, errors = process.communicate(timeout=10)
    return process.returncode, errors, time.monotonic() - asked_s


def test_it_shows_the_car_and_ends_when_asked_with_a_dark_glass(tmp_path):
    board = Board.create(str(tmp_path / "board"))
    board.set_battery(11.4, -0.5)
    with started(tmp_path, "--bus", f"sim:{tmp_path}/board") as process:
        wait_until(lambda: board.display().any(), 20)
        assert board.display().shape == (32, 128)
        code, errors, took_s = ended(process)
    assert (code, errors) == (0, "")
    assert took_s < 1.0
    assert not board.display().any()
    assert board.write_count == 0
    board.close()


def test_absent_hardware_is_no_reason_to_end(tmp_path):
    with started(tmp_path, "--bus", "4321") as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.0)
        code, errors, took_s = ended(process)
    assert (code, errors) == (0, "")
    assert took_s < 1.0


def test_wrong_options(capsys):
    assert main(["display", "--display.size", "1x1"]) == 2
    assert "128x32" in capsys.readouterr().err
    assert main(["display", "--kit", "donkie"]) == 2
    assert "did you mean 'donkey'" in capsys.readouterr().err
    with pytest.raises(ConfigError):
        main(["display", "--debug", "--bus", "first"])
