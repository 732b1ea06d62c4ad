"""The shipped units as files: fit for the oldest systemd, without a warning of this one, and the guard's hardness."""
from __future__ import annotations

import configparser
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jetracer.service.plan import UNITS, Choice, files, templates

TEMPLATES = (*UNITS, "camera-restart.conf")
USER = "daemon"  # of every Linux
GUARD_SCORE = 3.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (apt-get install systemd)")


def known():
    """Section: names, of known_237.txt."""
    names = {}
    for line in (Path(__file__).parent / "known_237.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = names.setdefault(line.strip("[]"), set())
        elif line and not line.startswith("#"):
            section.update(line.split())
    return names


def read(name):
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str
    parser.read(templates() / name, encoding="utf-8")
    return parser


@pytest.fixture
def units(tmp_path):
    """The folder of the units as they are installed."""
    if USER not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip(f"needs a user {USER}")
    for file in files(Choice(USER, camera_restart=True)):
        if "systemd" in file.path:
            path = tmp_path / Path(file.path).relative_to("/etc/systemd/system")
            path.parent.mkdir(exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", TEMPLATES)
def test_systemd_237_knows_every_directive(name):
    unit, names = read(name), known()
    unknown = [key for section in unit.sections() for key in unit[section] if key not in names[section]]
    assert not unknown, f"not known to systemd 237: {unknown}"
    groups = re.findall(r"@[a-z-]+", unit["Service"].get("SystemCallFilter", ""))
    assert set(groups) <= names["SystemCallFilter"]


def test_the_list_would_catch_what_came_later():
    later = {"WatchdogSignal", "TimeoutAbortSec", "ProtectClock", "ProtectKernelLogs", "PrivateMounts",
             "RestrictSUIDSGID", "ProtectHostname", "ExecCondition", "RestartSteps"}
    assert not later & known()["Service"]


@needs_systemd
def test_verify_has_nothing_to_say(units):
    done = subprocess.run(["systemd-analyze", "verify", *(str(units / unit) for unit in UNITS)],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_the_guard_is_hard_to_misuse(units):
    if "--offline" not in subprocess.run(["systemd-analyze", "--help"], capture_output=True, text=True).stdout:
        pytest.skip("this systemd-analyze cannot judge a file that is not installed (--offline came with 250)")
    done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true", units / UNITS[0]],
                          capture_output=True, text=True, check=True)
    score = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)[1])
    print(f"\nsystemd-analyze security, jetracer-guard: {score}")
    assert score <= GUARD_SCORE


def test_what_permits_the_cameras_restart_takes_back_all_that_would_forbid_sudo():
    # systemd.exec(5): what implies NoNewPrivileges for a service without CAP_SYS_ADMIN
    implies = {"SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies", "RestrictNamespaces",
               "PrivateDevices", "ProtectKernelTunables", "ProtectKernelModules", "MemoryDenyWriteExecute",
               "RestrictRealtime", "LockPersonality", "DynamicUser"}
    sets = {"NoNewPrivileges", "CapabilityBoundingSet"} | (implies & set(read("jetracer.service")["Service"]))
    assert set(read("camera-restart.conf")["Service"]) == sets


def test_none_waits_for_a_network():
    for name in UNITS:
        assert "network" not in read(name)["Unit"].get("After", "") + read(name)["Unit"].get("Wants", "")
