"""What doctor finds: every seeded misconfiguration and nothing besides; on a sound machine nothing at all."""
from __future__ import annotations

import re
import threading
import time

import pytest

from jetracer.car.base import CarConfig
from jetracer.cli.main import VERBS
from jetracer.doctor.base import FAIL, OK, SKIP, WARN, Host, ok
from jetracer.doctor.examine import THEMES, examine
from tests.doctor.machines import MACHINES
from tests.doctor.seeds import SEEDS


def complaints(found):
    return {check.name: check for theme in found.values() for check in theme if check.status in (WARN, FAIL)}


@pytest.mark.parametrize("name", MACHINES)
def test_a_sound_machine_raises_no_alarm(name, machine):
    found = examine(machine(name).host())
    assert not complaints(found)
    assert set(found) == set(THEMES)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.sow.__name__)
def test_a_misconfiguration_is_found_and_nothing_else_is_blamed(seed, machine):
    sick = machine(seed.machine)
    seed.sow(sick)
    found = complaints(examine(sick.host()))
    check = found.pop(seed.check)
    assert check.status == seed.status, check
    assert seed.fix in check.fix, check
    assert set(found) == set(seed.also), found
    named = re.findall(r"\bjetracer ([a-z]+)\b", check.fix)
    assert set(named) <= set(VERBS)
    assert "\n" not in check.fix + check.detail


def test_there_are_enough_of_them():
    assert len(SEEDS) >= 25
    assert len({seed.check for seed in SEEDS}) >= 25


def test_the_kit_and_the_bus_that_a_drive_would_choose_by_itself_are_well(machine):
    one = machine("orin")
    one.configure(car=CarConfig())
    one.board.nak(0x60, False)
    found = examine(one.host())
    assert not complaints(found)
    details = {check.name: check.detail for theme in found.values() for check in theme}
    assert details["kit"] == "fits what answers: waveshare-ai"
    assert details["i2c"].startswith("/dev/i2c-7: ")


def test_nothing_is_written_to_the_bus_or_to_the_disk(machine):
    one = machine("nano")
    before = {path: path.lstat().st_mtime_ns for path in one.root.rglob("*")}
    registers = one.board.bus().read_i2c_block_data(0x40, 0, 16)
    examine(one.host())
    assert one.board.write_count == 0
    assert one.board.bus().read_i2c_block_data(0x40, 0, 16) == registers
    assert {path: path.lstat().st_mtime_ns for path in one.root.rglob("*")} == before


def test_an_empty_root_is_survived(tmp_path):
    found = examine(Host(root=tmp_path, env={}, packages=(), folder=tmp_path, runtime=tmp_path / "run"))
    checks = [check for theme in found.values() for check in theme]
    assert {check.name for check in checks if check.status == FAIL} == {"packages", "opencv"}
    assert not list(tmp_path.iterdir())


def test_files_of_nonsense_are_survived(machine):
    one = machine("orin")
    for path in list(one.root.rglob("*")):
        if path.is_file() and not path.is_symlink() and "cmdline" not in path.name and "venv" not in str(path):
            path.write_bytes(b"\xff\x00 : ; = \n\n nonsense 99999999999999999999\n")
    found = examine(one.host())
    assert not [check for check in complaints(found).values() if "could not be checked" in check.detail]


def test_a_check_that_hangs_or_breaks_is_told_and_holds_up_nothing(machine):
    quiet = threading.Event()

    def hangs(_host):
        quiet.wait()
        return ok("hangs", "no more")

    def breaks(_host):
        raise RuntimeError("as no check should")

    begun_s = time.monotonic()
    found = examine(machine("laptop").host(), {"all": (hangs, breaks, lambda _host: ok("sound", "here"))}, 0.1)
    assert time.monotonic() - begun_s < 5
    quiet.set()
    assert [check.status for check in found["all"]] == [WARN, WARN, OK]
    assert [check.name for check in found["all"]] == ["hangs", "breaks", "sound"]
    assert "no answer within" in found["all"][0].detail


def test_names_are_unique_and_all_that_is_amiss_has_a_fix(machine):
    for name in MACHINES:
        checks = [check for theme in examine(machine(name).host()).values() for check in theme]
        names = [check.name for check in checks]
        assert len(set(names)) == len(names)
        assert all(check.fix for check in checks if check.status in (WARN, FAIL))
        assert all(check.status in (OK, WARN, FAIL, SKIP) for check in checks)
