"""The kit that a drive takes when none is given. A virtual board stands for a real bus with the same chips."""
from __future__ import annotations

from dataclasses import replace

import pytest

from jetracer.car.kit import load_kit
from jetracer.cli.main import main
from jetracer.core.errors import BusError, ConfigError
from jetracer.drive.config import DriveConfig
from jetracer.drive.kit import kit_of
from jetracer.safety.start import start_guard
from jetracer.sim.board import Board


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    board = Board.create(str(tmp_path / "board"))
    monkeypatch.setattr("jetracer.car.detect.open_bus", lambda spec: board.bus())
    yield board
    board.close()


def refuse(_text):
    raise AssertionError("nothing is to be said")


def test_the_ai_kit_is_taken_and_said(board):
    board.nak(0x60, False)
    said = []
    assert kit_of(DriveConfig(bus="7"), said.append) == "waveshare-ai"
    assert said == ["the chips on bus 7 are the kit waveshare-ai"]
    assert board.write_count == 0


def test_where_the_bus_cannot_tell_nothing_is_guessed(board, capsys):
    with pytest.raises(ConfigError, match="look alike; name yours with --kit"):
        kit_of(DriveConfig(), refuse)
    for verb in ("drive", "teleop", "record"):
        assert main([verb, "--teleop", "null"]) == 2
        assert "Which kit is it?" in capsys.readouterr().err
    assert board.write_count == 0
    board.nak(0x40, True)
    with pytest.raises(BusError, match="No car on bus"):
        kit_of(DriveConfig(), refuse)


@pytest.mark.parametrize("config", [
    DriveConfig(sim=True),
    DriveConfig(bus="sim:nowhere"),
    DriveConfig(service=True),
    load_kit("donkey").apply(DriveConfig()),
    replace(DriveConfig(), car=replace(DriveConfig().car, name="null")),
    replace(DriveConfig(), car=replace(DriveConfig().car, steering_gain=-0.5)),
])
def test_a_car_that_is_known_is_not_looked_for(config, board):
    board.nak(0x40, True)
    assert kit_of(config, refuse) == ""


def test_a_guard_that_runs_has_its_car(board, tmp_path):
    with start_guard(f"sim:{tmp_path}/board"):
        assert kit_of(DriveConfig(), refuse) == ""
