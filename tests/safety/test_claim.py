"""Only one guard per socket and per bus; what a dead one left is no obstacle."""
from __future__ import annotations

import os
import socket
import stat

import pytest

from jetracer.car.base import CarConfig
from jetracer.core.errors import GuardError, GuardTaken
from jetracer.core.runtime import guard_socket
from jetracer.safety.claim import Claim, claimed
from jetracer.safety.guard import GuardConfig
from jetracer.safety.launch import Launch


@pytest.fixture
def claim():
    made = []

    def make(socket_path, bus=None, **options):
        made.append(Claim(GuardConfig(str(socket_path), **options), bus))
        return made[-1]

    yield make
    for one in made:
        one.release()
        one.listener.close()


@pytest.mark.parametrize(("group_access", "mode"), [(False, 0o600), (True, 0o660)])
def test_the_socket_is_open_to_its_owner_or_group_only(claim, tmp_path, group_access, mode):
    before = os.umask(0)
    try:
        claim(tmp_path / "s", group_access=group_access).listen()
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(tmp_path / "s"))


def test_a_living_guard_is_left_alone(claim, tmp_path):
    first = claim(tmp_path / "s")
    first.listen()
    with pytest.raises(GuardTaken) as caught:
        Claim(GuardConfig(str(tmp_path / "s")), None)
    assert str(caught.value) == (
        f"A guard is already listening on {tmp_path}/s; stop it with: jetracer stop, "
        "or choose another with --guard.socket PATH."
    )
    assert (tmp_path / "s").exists()
    first.release()
    first.release()
    assert not (tmp_path / "s").exists()
    claim(tmp_path / "s").listen()


def test_a_stale_socket_is_replaced(claim, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(tmp_path / "s"))
    claim(tmp_path / "s").listen()


def test_two_guards_never_share_a_bus(claim, tmp_path):
    (tmp_path / "board").touch()
    board = f"sim:{tmp_path}/board"
    claim(tmp_path / "one", board)
    with pytest.raises(GuardTaken, match=r"Another guard already drives the car on bus sim:.*/board; stop it"):
        Claim(GuardConfig(str(tmp_path / "two")), board)
    claim(tmp_path / "two", f"sim:{tmp_path}/other")  # the failed one holds nothing
    claim(tmp_path / "three")
    assert (tmp_path / "board.lock").exists()


def test_a_real_bus_is_locked_by_its_device_file_for_all_users(claim, tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("jetracer.safety.claim.DEVICES", tmp_path)
    (tmp_path / "i2c-1").touch()
    assert claim("", "1").path == guard_socket()
    with pytest.raises(GuardTaken):
        Claim(GuardConfig(str(tmp_path / "two")), "1")


def test_a_bus_that_is_not_there_is_no_matter_of_the_lock(claim, tmp_path, monkeypatch):
    monkeypatch.setattr("jetracer.safety.claim.DEVICES", tmp_path)
    claim(tmp_path / "s", "1")
    assert os.listdir(tmp_path) == ["s.lock"]


def test_the_lock_file_may_be_read_by_those_who_may_drive(claim, tmp_path):
    claim(tmp_path / "mine")
    claim(tmp_path / "ours", group_access=True)
    modes = [stat.S_IMODE((tmp_path / f"{name}.lock").stat().st_mode) for name in ("mine", "ours")]
    assert modes == [0o600, 0o640]


def test_release_takes_away_only_what_it_made(claim, tmp_path):
    (tmp_path / "s").write_text("")
    claim(tmp_path / "s").release()
    assert (tmp_path / "s").exists()
    claim(tmp_path / "s").sweep()
    assert not (tmp_path / "s").exists()
    claim(tmp_path / "t").sweep()


def test_places_that_cannot_be_used(claim, tmp_path):
    with pytest.raises(GuardError, match=r"has 10\d bytes|has 1[1-9]\d bytes, the system takes 107: .*guard.socket"):
        Claim(GuardConfig(str(tmp_path / ("x" * (108 - len(str(tmp_path)) - 1)))), None)
    claim(tmp_path / ("x" * (107 - len(str(tmp_path)) - 1))).listen()
    with pytest.raises(GuardError, match=r"cannot listen on .*missing/s \(No such file or directory\); choose another"):
        Claim(GuardConfig(str(tmp_path / "missing" / "s")), None)
    (tmp_path / "folder").mkdir()
    with pytest.raises(GuardError, match=r"cannot listen on .*folder \(Is a directory\); choose another place with"):
        claim(tmp_path / "folder").listen()


def test_a_guard_says_which_car_it_owns(claim, tmp_path):
    one = claim(tmp_path / "s")
    with pytest.raises(GuardError, match="is empty; try again"):
        claimed(tmp_path / "s")
    one.describe(Launch("sim:a", CarConfig(steering_gain=-0.123456789, throttle_channel=12)))
    one.describe(Launch("7", CarConfig(steering_gain=-0.5)))  # nothing of the longer text is left
    assert claimed(tmp_path / "s") == Launch("7", CarConfig(steering_gain=-0.5), GuardConfig(f"{tmp_path}/s"))


def test_a_guard_that_does_not_say_which_car_it_owns(tmp_path):
    with pytest.raises(GuardError, match=r"guard on .*/s does not say which car it owns \(Cannot read"):
        claimed(tmp_path / "s")


def test_a_board_that_is_not_there_is_not_locked(claim, tmp_path):
    claim(tmp_path / "one", f"sim:{tmp_path}/nowhere")
    assert not (tmp_path / "nowhere.lock").exists()
