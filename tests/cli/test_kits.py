"""`jetracer kits` on virtual boards."""
from __future__ import annotations

import json

import pytest

from jetracer.cli.main import main
from jetracer.sim.board import Board


@pytest.fixture
def board(tmp_path):
    board = Board.create(str(tmp_path / "board"))
    yield board
    board.close()


def told(capsys, *words):
    code = main(["kits", *words])
    return code, capsys.readouterr().out


def test_the_simulated_car(board, tmp_path, capsys):
    code, text = told(capsys, "--bus", f"sim:{tmp_path}/board", "--json")
    result = json.loads(text.splitlines()[-1])
    assert code == 0
    assert result["kit"] == "simulated"
    assert any("0x40 answers" in sentence for sentence in result["evidence"])
    assert any("0x60 does not answer" in sentence for sentence in result["evidence"])


def test_the_ai_kit_and_nothing_is_written(board, tmp_path, capsys):
    board.nak(0x60, False)
    code, text = told(capsys, "--bus", f"sim:{tmp_path}/board")
    assert code == 0
    assert text.startswith(f"waveshare-ai: Waveshare JetRacer AI Kit, on bus sim:{tmp_path}/board\n")
    assert "jetracer drive --kit waveshare-ai" in text
    assert board.write_count == 0


def test_no_kit_is_exit_code_1(board, tmp_path, capsys):
    board.nak(0x40, True)
    code, text = told(capsys, "--bus", f"sim:{tmp_path}/board")
    assert code == 1
    assert text.startswith("No kit found on bus sim:")


def test_where_the_bus_cannot_tell_the_choice_is_named(board, tmp_path, capsys, monkeypatch):
    # a real bus with one chip, which a virtual board stands for
    monkeypatch.setattr("jetracer.car.detect.open_bus", lambda spec: board.bus())
    code, text = told(capsys, "--bus", "1")
    assert code == 0
    assert "On bus 1 it is one of these" in text
    assert "donkey" in text
    assert "--kit NAME" in text


def test_the_list(capsys):
    code, text = told(capsys, "--list")
    assert code == 0
    assert "waveshare-pro" in text
    code, text = told(capsys, "--list", "--json")
    assert "nvidia-jetracer" in [kit["name"] for kit in json.loads(text)["kits"]]
