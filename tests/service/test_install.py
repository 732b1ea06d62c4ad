"""Install and remove, below another root: whole or not at all, again and again, and nothing but what was written."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from jetracer.core.errors import ConfigError, ServiceError
from jetracer.service.install import install, remove, run
from jetracer.service.plan import CAR, UNITS, Choice, files

ME = Path(os.environ.get("HOME", "/")).owner()


@pytest.fixture
def commands():
    return []


@pytest.fixture
def systemctl(commands):
    """Takes note of every command, and of nothing else."""
    def note(command):
        commands.append(" ".join(command))
        return ""

    return note


def everything(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def wanted(**choice):
    return files(Choice(ME, **{"kit": "donkey", **choice}))


def test_what_is_written(tmp_path, systemctl, commands):
    said = []
    install(wanted(bus="7", camera="usb:1"), tmp_path, said.append, systemctl)
    etc = tmp_path / "etc"
    car = (etc / "jetracer/car.toml").read_text(encoding="utf-8")
    assert car.endswith('bus = "7"\n\n[kit]\nbase = "donkey"\n')
    assert 'name = "usb:1"' in (etc / "jetracer/drive.toml").read_text(encoding="utf-8")
    for unit in UNITS:
        text = (etc / "systemd/system" / unit).read_text(encoding="utf-8")
        assert f"User={ME}\n" in text and "@" not in text.replace("~@clock", "").split("SystemCallFilter")[0]
    assert not (etc / "sudoers.d").exists(), "nobody asked for it"
    assert commands == [f"systemctl --root={tmp_path} enable {' '.join(UNITS)}"]
    assert said[0] == "written   /etc/jetracer/car.toml"


def test_the_cameras_restart_only_when_asked_for_and_only_that(tmp_path, systemctl):
    install(wanted(camera_restart=True), tmp_path, print, systemctl)
    path = tmp_path / "etc/sudoers.d/jetracer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    rule = path.read_text(encoding="utf-8").splitlines()[-1]
    assert rule == (f"{ME} ALL=(root) NOPASSWD: /bin/systemctl restart nvargus-daemon, "
                    "/usr/bin/systemctl restart nvargus-daemon")
    assert (tmp_path / "etc/systemd/system/jetracer.service.d/camera-restart.conf").exists()


def test_twice_is_as_once(tmp_path, systemctl):
    install(wanted(), tmp_path, print, systemctl)
    before, said = everything(tmp_path), []
    install(wanted(), tmp_path, said.append, systemctl)
    assert everything(tmp_path) == before
    assert [line for line in said if line.startswith("written")] == []


def test_a_car_whose_files_did_not_change_drives_on(systemctl, commands, tmp_path, monkeypatch):
    monkeypatch.setattr("jetracer.service.install.below", lambda _root, path: tmp_path / path.lstrip("/"))
    for _ in range(2):
        install(wanted(), Path("/"), print, systemctl)
    verbs = [command.split()[1] for command in commands]
    assert verbs == ["daemon-reload", "enable", "restart", "daemon-reload", "enable", "start"]


def test_remove_leaves_what_was_there_before(tmp_path, systemctl, commands):
    own = tmp_path / "etc/jetracer/drive.toml"
    own.parent.mkdir(parents=True)
    own.write_text('teleop = "keyboard"\n', encoding="utf-8")
    before = everything(tmp_path)
    install(wanted(camera_restart=True), tmp_path, print, systemctl)
    assert own.read_text(encoding="utf-8") == 'teleop = "keyboard"\n'
    remove(tmp_path, print, systemctl)
    assert everything(tmp_path) == before
    assert commands[-1] == f"systemctl --root={tmp_path} disable {' '.join(UNITS)}"
    own.unlink()
    own.parent.rmdir()


def test_remove_keeps_what_was_changed_since_and_says_so(tmp_path, systemctl):
    install(wanted(), tmp_path, print, systemctl)
    car = tmp_path / CAR.lstrip("/")
    car.write_text(car.read_text(encoding="utf-8") + "[car]\nsteering_offset = 0.1\n", encoding="utf-8")
    (tmp_path / "etc/systemd/system/jetracer.service").unlink()
    said = []
    remove(tmp_path, said.append, systemctl)
    assert list(everything(tmp_path)) == [CAR.lstrip("/")]
    assert f"kept      {CAR}: it was changed since" in said


def test_remove_of_nothing(tmp_path, systemctl, commands):
    said = []
    remove(tmp_path, said.append, systemctl)
    assert said == ["Nothing is installed."]
    assert commands == []


def test_a_failure_leaves_all_as_it_was(tmp_path):
    old = tmp_path / "etc/systemd/system/jetracer.service"
    old.parent.mkdir(parents=True)
    old.write_text("the owner's own\n", encoding="utf-8")
    before = everything(tmp_path)

    def fail(command):
        raise ServiceError("systemctl enable failed: no")

    with pytest.raises(ServiceError, match="Nothing was changed: systemctl enable failed: no"):
        install(wanted(camera_restart=True), tmp_path, print, fail)
    assert everything(tmp_path) == before


def test_a_place_that_cannot_be_written_leaves_all_as_it_was(tmp_path, systemctl, commands):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers.d").write_text("no folder", encoding="utf-8")
    before = everything(tmp_path)
    with pytest.raises(ServiceError, match=r"Nothing was changed: .*exists"):
        install(wanted(camera_restart=True), tmp_path, print, systemctl)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("choice, why", [
    (Choice("no-such-user", "donkey"), "no user 'no-such-user'"),
    (Choice(ME, "donky"), "did you mean 'donkey'"),
    (Choice(ME, "donkey", python="/home/my car/bin/python"), "characters that systemd reads as its own"),
])
def test_choices_that_make_no_sense(choice, why):
    with pytest.raises(ConfigError, match=why):
        files(choice)


def test_a_kit_of_ones_own_is_named_by_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "my.toml").write_text('[kit]\nbase = "donkey"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert f'base = "{tmp_path}/my.toml"' in files(Choice(ME, "my.toml"))[0].text


def test_commands_that_fail():
    assert run(("echo", "yes")) == "yes\n"
    with pytest.raises(ServiceError, match="There is no no-such-program here: services need systemd"):
        run(("no-such-program",))
    with pytest.raises(ServiceError, match="sh -c failed: why"):
        run(("sh", "-c", "echo why >&2; exit 3"))
    with pytest.raises(ServiceError, match="false failed: exit code 1"):
        run(("false",))
