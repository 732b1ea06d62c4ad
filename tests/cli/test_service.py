"""`jetracer service` as its user sees it."""
from __future__ import annotations

import os

import pytest

from jetracer.cli import service
from jetracer.cli.main import main
from jetracer.service.plan import UNITS, Choice, files
from tests.service.test_install import ME


def test_a_dry_run_shows_every_file_and_every_command_and_changes_nothing(tmp_path, capsys):
    words = ["service", "install", "--dry-run", "--kit", "donkey", "--user", ME, "--allow-camera-restart"]
    assert main([*words, "--root", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for file in files(Choice(ME, "donkey", camera_restart=True)):
        assert f"write {file.path} ({file.mode:o})" in shown
        assert all(line in shown for line in file.text.splitlines())
    assert f"run systemctl --root={tmp_path} enable {' '.join(UNITS)}" in shown
    assert list(tmp_path.iterdir()) == []
    assert main(["service", "remove", "--dry-run", "--root", str(tmp_path)]) == 0


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A systemctl that does nothing."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "bin/systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")


def test_install_and_remove_below_another_root(tmp_path, capsys, systemctl):
    words = ["--root", str(tmp_path)]
    assert main(["service", "install", "--kit", "donkey", "--user", ME, *words]) == 0
    assert "moves only when its pilot arms it" in capsys.readouterr().out
    assert main(["service", "install", "--kit", "waveshare-pro", "--user", ME, *words]) == 0
    said = capsys.readouterr()
    assert "/etc/jetracer/car.toml is there already and stays" in said.err
    assert main(["service", "remove", "--dry-run", *words]) == 0
    assert "delete /etc/systemd/system/jetracer.service" in capsys.readouterr().out
    assert main(["service", "remove", *words]) == 0
    assert not (tmp_path / "etc/jetracer").exists()


def test_without_a_kit_the_bus_is_asked_and_else_the_owner(tmp_path, capsys):
    from jetracer.sim.board import Board

    words = ["service", "install", "--dry-run", "--user", ME, "--root", str(tmp_path)]
    assert main([*words, "--bus", "250"]) == 2
    assert "Which kit is it? Name it with --kit" in capsys.readouterr().err
    board = Board.create(f"{tmp_path}/board")
    assert main([*words, "--bus", f"sim:{tmp_path}/board"]) == 0
    assert 'base = "simulated"' in capsys.readouterr().out
    board.close()


def test_root_is_asked_for_in_one_line_that_can_be_typed(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["service", "install", "--kit", "donkey", "--user", ME]) == 1
    assert "This needs root: sudo " in capsys.readouterr().err
    assert main(["service", "remove"]) == 1


def test_whose_car_it_is(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    words = ["service", "install", "--dry-run", "--kit", "donkey", "--root", str(tmp_path)]
    assert main(words) == 2
    assert "Whose car is it?" in capsys.readouterr().err
    monkeypatch.setenv("SUDO_USER", ME)
    assert main(words) == 0
    assert f"User={ME}" in capsys.readouterr().out


@pytest.mark.parametrize("answer, may", [("y", True), ("", False), ("no", False)])
def test_the_cameras_restart_is_asked_of_a_person(monkeypatch, tmp_path, answer, may):
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/nvargus-daemon").touch()
    options = service._parser().parse_args(["install"])
    assert service._may_restart_camera(options, tmp_path) is False, "nobody is there"
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    assert service._may_restart_camera(options, tmp_path) is may
    (tmp_path / "etc/sudoers.d").mkdir(parents=True)
    (tmp_path / "etc/sudoers.d/jetracer").touch()
    assert service._may_restart_camera(options, tmp_path) is True, "permitted before; asked once"
