from __future__ import annotations

import builtins
import inspect
import stat

import pytest

from jetracer.core import errors, i2c, runtime
from jetracer.core.device import Device
from jetracer.core.errors import BusError, ConfigError, JetRacerError, UnknownName
from jetracer.core.realtime import freeze_garbage
from jetracer.core.registry import Registry, unknown
from jetracer.core.types import NEUTRAL, Frame, Pilot


def test_a_thing_is_called_as_the_registry_does():
    clocks = Registry("clock", {"broken": "no.such.module:X", "fake": "jetracer.core.clock:FakeClock"})
    assert clocks.name_of(clocks.create("fake")) == "fake"
    assert clocks.name_of(1) == "int"


def test_registry_imports_only_what_is_asked_for():
    things = Registry("clock", {"fake": "jetracer.core.clock:FakeClock", "broken": "no.such.module:X"})
    assert things.names == ("broken", "fake")
    assert things.create("fake", 3.0).now_s() == 3.0


def test_a_wrong_name_gets_did_you_mean():
    with pytest.raises(UnknownName, match="no camera 'rpelay'; did you mean 'replay'"):
        Registry("camera", {"replay": "x:Y", "usb": "x:Z"}).get("rpelay")
    with pytest.raises(UnknownName, match=r"no camera 'qqq'\. Choose one of: replay, usb\."):
        Registry("camera", {"replay": "x:Y", "usb": "x:Z"}).get("qqq")
    with pytest.raises(UnknownName, match=r"'node7'\? Choose one of: node0, .*node26, and 10 more\.$"):
        raise unknown("node", "nod7", [f"node{number}" for number in range(30)])


def test_every_error_is_also_a_builtin_one_below_the_root():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    plain = [vars(builtins)[name] for name in dir(builtins) if inspect.isclass(vars(builtins)[name])]
    standard = {kind for kind in plain if issubclass(kind, Exception)} - {Exception}
    for kind in kinds:
        assert issubclass(kind, JetRacerError)
        assert kind is JetRacerError or standard & set(kind.__mro__), kind
        assert kind.__name__ in errors.__doc__, "the tree at the top of the file is complete"


def test_missing_bus_names_the_next_step():
    with pytest.raises(BusError, match=r"/dev/i2c-99 does not exist; .* ls /dev/i2c"):
        i2c.open_bus(99)
    with pytest.raises(ConfigError, match="is no I2C bus"):
        i2c.open_bus("first")
    with pytest.raises(UnknownName, match="did you mean 'sim'"):
        i2c.open_bus("sin:/x")


def test_a_bus_that_may_not_be_opened_names_the_group(monkeypatch):
    def refused(number):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("smbus2.SMBus", refused)
    with pytest.raises(BusError, match=r"No permission on /dev/i2c-1; run: sudo usermod -aG i2c"):
        i2c.open_bus("1")


def test_runtime_dir_is_private(tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    path = runtime.runtime_dir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert runtime.guard_socket().parent == path
    monkeypatch.delenv("JETRACER_RUNTIME_DIR")
    monkeypatch.setattr(runtime, "SERVICE_DIR", tmp_path / "service")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime.runtime_dir() == tmp_path / "jetracer"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert "jetracer-" in runtime.runtime_dir().name
    (tmp_path / "service").mkdir()
    assert runtime.runtime_dir() == tmp_path / "service", "where the guard of the whole machine listens"


def test_devices_close_themselves():
    class Lamp(Device):
        on = False

        def open(self):
            self.on = True

        def close(self):
            self.on = False

    with Lamp() as lamp:
        assert lamp.on
    assert not lamp.on


def test_a_fresh_pilot_asks_for_nothing():
    pilot = Pilot()
    assert (pilot.command, pilot.deadman, pilot.arm, pilot.mode) == (NEUTRAL, False, False, "manual")
    assert Frame(None, 1.0, 0).age_s(1.5) == 0.5


def test_freezing_garbage_stops_collections():
    import gc

    try:
        freeze_garbage()
        assert not gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()
