from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest

from jetracer.cli.main import main
from jetracer.cli.teleop import device
from jetracer.core.config import read
from jetracer.core.i2c import AUTO, which_bus
from jetracer.teleop.finder import PadSearch
from tests.teleop.fake_pads import FakeKernel, FakePad


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_takes_the_gamepad_if_there_is_one(tmp_path, capsys):
    pad = FakePad(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    assert device(PadSearch(str(tmp_path), ask=FakeKernel(pad))) == "gamepad"
    assert len(os.listdir("/proc/self/fd")) == before, "left for the drive to open"
    assert device(PadSearch(str(tmp_path), ask=FakeKernel())) == "keyboard"
    assert not capsys.readouterr().err


def test_a_gamepad_that_may_not_be_read_is_told(tmp_path, capsys):
    FakePad(tmp_path)

    def refuse(*_args):
        raise PermissionError(13, "Permission denied")

    assert device(PadSearch(str(tmp_path), ask=refuse)) == "keyboard"
    assert "usermod -aG input" in capsys.readouterr().err


def test_drives_by_hand_without_a_model_and_tells_how_to_keep_the_trim(tmp_path, monkeypatch, capsys, terminal):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    master, path = terminal
    os.write(master, b"]]")
    quick = ["--world.look", "pattern", "--camera.width", "64", "--camera.height", "64", "--film", "false"]
    assert main(["teleop", "--sim", "--teleop", f"keyboard:{path}", "--duration", "1", *quick]) == 0
    told = capsys.readouterr()
    assert "keyboard: Return arms" in told.err
    assert "manual" in told.err and "of 50%" in told.err
    assert "steering trim +0.04, for this drive only" in told.err
    assert "--car.steering_offset 0.0267" in told.err


def test_a_real_car_is_driven_without_a_camera(tmp_path, monkeypatch, capsys, terminal):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    words = ["--car", "null", "--duration", "0.5", "--teleop", f"keyboard:{terminal[1]}", "--json"]
    assert main(["teleop", *words]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["frames"] >= 5
    used = read(Path(summary["run"]) / "config.toml")
    assert used["bus"] == which_bus(AUTO), "which one was taken"


def test_with_record_the_button_says_which_pictures_are_kept(tmp_path, monkeypatch, capsys, terminal):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    words = ["--camera", "null", "--car", "null", "--duration", "0.5", "--teleop", f"keyboard:{terminal[1]}", "--json"]
    kept = []
    for key in (b"h", b"r"):
        os.write(terminal[0], key)
        assert main(["teleop", "--record", *words]) == 0
        kept.append(json.loads(capsys.readouterr().out.splitlines()[-1])["recording"]["pictures"])
    assert kept[0] == 0 and kept[1] >= 5


def test_without_a_terminal_it_says_what_it_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    assert main(["teleop", "--car", "null", "--teleop", "keyboard:/dev/null"]) == 1
    assert "needs a terminal" in capsys.readouterr().err
