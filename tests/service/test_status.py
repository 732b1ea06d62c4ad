"""What `jetracer service status` makes of systemd's answers and a guard's."""
from __future__ import annotations

import pytest

from jetracer.car.base import CarConfig
from jetracer.core.errors import ServiceError
from jetracer.safety.guard import GuardConfig
from jetracer.safety.start import start_guard
from jetracer.service.plan import UNITS
from jetracer.service.status import status

RUNS = {"LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "active", "StateChangeTimestamp": "noon",
        "StatusText": "", "Result": "success", "NRestarts": "0"}


def told(*changes):
    """systemctl's answer about three units that differ from a healthy one."""
    units = [{**RUNS, "Id": unit, **change} for unit, change in zip(UNITS, changes)]
    return lambda _command: "\n\n".join("\n".join(f"{key}={value}" for key, value in unit.items()) for unit in units)


def words(tmp_path, *changes):
    return [service.words for service in status(told(*changes), tmp_path / "none").services]


def test_all_is_well(tmp_path):
    report = status(told({}, {"StatusText": "armed, manual"}, {}), tmp_path / "none")
    assert [service.words for service in report.services] == [
        "runs since noon", "runs since noon: armed, manual", "runs since noon"]
    assert [service.name for service in report.services] == ["jetracer-guard", "jetracer", "jetracer-display"]
    assert report.well and report.armed is None and report.fault == ""


@pytest.mark.parametrize("unit, said", [
    ({"LoadState": "not-found", "ActiveState": "inactive", "StateChangeTimestamp": ""},
     "is not installed: sudo jetracer service install"),
    ({"ActiveState": "activating", "StatusText": "waiting: no bus"}, "waits since noon: no bus"),
    ({"ActiveState": "inactive", "Job": "7"}, "waits for jetracer-guard"),
    ({"ActiveState": "inactive", "StateChangeTimestamp": ""}, "is stopped"),
    ({"ActiveState": "failed", "Result": "exit-code", "StatusText": "old"},
     "has failed since noon (exit-code): journalctl -u jetracer-guard.service"),
    ({"NRestarts": "3", "UnitFileState": "disabled"}, "runs since noon (does not start at boot) (restarted 3 times)"),
])
def test_in_words(tmp_path, unit, said):
    assert words(tmp_path, unit, {}, {})[0] == said


def test_the_guard_is_asked(tmp_path):
    config = GuardConfig(str(tmp_path / "s"), realtime=False)
    with start_guard("1", config=config, car=CarConfig(name="null")) as guard:
        report = status(told({}, {}, {}), tmp_path / "s")
        assert (report.armed, report.fault) == (False, "")
        with guard.connect() as client:
            client.estop()
        report = status(told({}, {"ActiveState": "failed"}, {}), tmp_path / "s")
    assert report.fault == "Somebody pressed the emergency stop. Release it, then arm again."
    assert not report.well


def test_an_answer_that_is_none(tmp_path):
    with pytest.raises(ServiceError, match="told of 1 units"):
        status(lambda _command: "", tmp_path / "none")
