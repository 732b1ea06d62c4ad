"""The one view of battery and computer: the guard's while one runs, else read here."""
from __future__ import annotations

import ipaddress
import math

import pytest

from jetracer.car.battery import BatteryConfig
from jetracer.drive.vitals import CarView, Figures, network_address
from jetracer.sim.board import Board
from tests.car.test_computer import NANO, lay
from tests.safety.processes import started, wait_until


@pytest.fixture
def board(tmp_path):
    made = Board.create(str(tmp_path / "board"))
    made.set_battery(11.4, -0.5)
    yield made
    made.close()


def view_of(tmp_path, **battery):
    return CarView(tmp_path / "s", f"sim:{tmp_path}/board", BatteryConfig(**battery), tmp_path)


def test_the_address_is_one_or_nothing():
    address = network_address()
    assert not address or ipaddress.ip_address(address).version == 4


def test_without_a_guard_the_sensors_are_read_here(tmp_path, board):
    lay(tmp_path, NANO)
    view = view_of(tmp_path)
    vitals = view.read()
    assert vitals.guard is None
    assert (vitals.battery_v, vitals.battery_a) == (pytest.approx(11.4), pytest.approx(-0.5))
    assert vitals.cells == 3
    assert vitals.percent == pytest.approx(62)
    assert vitals.temperature_c == 41.5
    assert vitals.supply_w == pytest.approx(4.731)
    assert board.write_count == 0
    board.nak(0x41, True)
    assert math.isnan(view.read().battery_v)
    board.nak(0x41, False)
    assert view.read().battery_v == pytest.approx(11.4)
    view.close()
    view.close()


def test_with_a_guard_its_figures_count(tmp_path, board):
    view = view_of(tmp_path, sensor="none")
    assert math.isnan(view.read().battery_v)
    with started(tmp_path):
        wait_until(lambda: view.read().battery_v == pytest.approx(11.4, abs=0.01))
        vitals = view.read()
        assert vitals.guard is not None
        assert vitals.cells == 3
        assert vitals.battery_a == pytest.approx(-0.5)
    assert view.read().guard is None
    view.close()
    assert view.guard() is None


def test_where_there_is_nothing_nothing_is_known(tmp_path):
    view = view_of(tmp_path)
    for _ in range(2):
        assert repr(view.read()) == repr(Figures())
    assert math.isnan(Figures().percent)
    view.close()
