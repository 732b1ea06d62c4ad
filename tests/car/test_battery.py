"""The battery's sensors on the virtual board: found by address, read, and what a voltage means."""
from __future__ import annotations

import math

import pytest

from jetracer.car.battery import Battery, BatteryConfig, open_battery, percent
from jetracer.core.errors import ConfigError, UnknownName
from jetracer.sim.board import Board

INA_3S, INA_2S, ADS = 0x41, 0x42, 0x48


def board_with(*fitted):
    board = Board()
    for address in (INA_3S, INA_2S, ADS):
        board.nak(address, address not in fitted)
    return board


@pytest.mark.parametrize(("address", "name", "cells"), [
    (INA_3S, "ina219 at 0x41", 3), (INA_2S, "ina219 at 0x42", 2), (ADS, "ads1115 at 0x48", 3),
])
def test_whichever_answers_is_taken_and_tells_the_cells(address, name, cells):
    board = board_with(address)
    battery = open_battery(board.bus(), BatteryConfig())
    assert (battery.name, battery.cells) == (name, cells)
    assert board.write_count == 0
    board.set_battery(3.9 * cells, -0.75)
    first, reading = battery.read(), battery.read()
    assert reading.volts == pytest.approx(3.9 * cells, abs=0.005)
    if address == ADS:
        assert math.isnan(first.volts)  # it had to be set first
        assert math.isnan(reading.amps)
    else:
        assert first == reading
        assert reading.amps == pytest.approx(-0.75)
    assert open_battery(board.bus(), BatteryConfig(cells=4)).cells == 4


def test_a_car_without_a_sensor():
    assert open_battery(board_with().bus(), BatteryConfig()) is None
    assert open_battery(board_with(INA_3S).bus(), BatteryConfig(sensor="none")) is None
    assert open_battery(None, BatteryConfig()) is None


def test_a_sensor_that_was_named_is_missed_when_it_does_not_answer():
    battery = open_battery(board_with().bus(), BatteryConfig(sensor="ads1115"))
    assert battery.name == "ads1115 at 0x48"
    with pytest.raises(OSError, match="Remote I/O"):
        battery.read()


def test_a_named_sensor_is_not_taken_for_another():
    bus = board_with(INA_2S, ADS).bus()
    assert open_battery(bus, BatteryConfig(sensor="ina219")).name == "ina219 at 0x42"
    assert open_battery(bus, BatteryConfig(sensor="ads1115")).name == "ads1115 at 0x48"
    assert open_battery(bus, BatteryConfig(sensor="ina219", address=0x44)).name == "ina219 at 0x44"


@pytest.mark.parametrize("volts", [0.0, 0.9, 13.6, 30.0])
def test_what_no_pack_can_have_is_no_reading(volts):
    board = board_with(INA_3S)
    board.set_battery(volts, 1.0)
    assert all(map(math.isnan, open_battery(board.bus(), BatteryConfig()).read()))


def test_charging_is_positive_and_the_shunt_can_be_another():
    board = board_with(INA_3S)
    board.set_battery(12.0, 1.2)
    assert open_battery(board.bus(), BatteryConfig()).read().amps == pytest.approx(1.2)
    assert open_battery(board.bus(), BatteryConfig(shunt_ohm=0.01)).read().amps == pytest.approx(12.0)
    board.set_battery(12.0, 9.0)
    assert open_battery(board.bus(), BatteryConfig()).read().amps == pytest.approx(3.2)  # the end of its range


def test_a_converter_that_lost_its_power_is_set_again():
    board = board_with(ADS)
    board.set_battery(12.6, 0.0)
    battery = open_battery(board.bus(), BatteryConfig())
    battery.read()
    assert battery.read().volts == pytest.approx(12.6, abs=0.001)
    board.bus().write_i2c_block_data(ADS, 0x01, [0x85, 0x83])  # as after power-on
    assert math.isnan(battery.read().volts)
    assert battery.read().volts == pytest.approx(12.6, abs=0.001)


def test_another_divider():
    board = board_with(ADS)
    board.set_battery(8.0, 0.0)
    battery = open_battery(board.bus(), BatteryConfig(divider=6.0))
    battery.read()
    assert battery.read().volts == pytest.approx(12.0, abs=0.001)


@pytest.mark.parametrize(("cell_v", "expected"), [
    (2.5, 0), (3.0, 0), (3.15, 3.5), (3.5, 18), (3.65, 38.5), (4.2, 100), (4.35, 100), (math.inf, math.nan),
    (math.nan, math.nan),
])
def test_percent(cell_v, expected):
    assert percent(cell_v) == pytest.approx(expected, nan_ok=True)


def test_percent_never_falls_when_the_voltage_rises():
    charges = [percent(2.9 + 0.01 * step) for step in range(150)]
    assert charges == sorted(charges)


@pytest.mark.parametrize(("options", "text"), [
    ({"sensor": "ina220"}, "did you mean 'ina219'"),
    ({"address": 0x50}, r"0x40..0x4f, not 0x50"),
    ({"address": 0x44}, "Which sensor is at 0x44"),
    ({"cells": -1}, "most cars have 2 or 3"),
    ({"cells": 9}, "most cars have 2 or 3"),
    ({"shunt_ohm": 0.0}, "numbers above 0"),
    ({"divider": math.inf}, "numbers above 0"),
    ({"divider": math.nan}, "numbers above 0"),
])
def test_options_that_make_no_sense(options, text):
    with pytest.raises(ConfigError, match=text):
        BatteryConfig(**options)
    with pytest.raises(UnknownName):
        BatteryConfig(sensor="")


def test_a_pack_of_one_cell():
    class Chip:
        def read(self):
            return 3.7, math.nan

    assert Battery(Chip(), 1).read().volts == 3.7
