"""DC motors on the second PCA9685: the kit's table of eight channels, in one block, and nothing at rest."""
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.car.base import CarConfig, make_car
from jetracer.car.dc_motors import DcMotors, channels
from jetracer.car.pca9685 import LED0_ON_L, PRE_SCALE
from jetracer.core.errors import BusError
from jetracer.core.types import NEUTRAL, Command
from jetracer.sim.board import Board

MOTORS = 0x60


def opened(**options):
    board = Board()
    board.nak(MOTORS, False)
    car = make_car(board.bus(), CarConfig(name="dc_motors", **options))
    assert isinstance(car, DcMotors)
    car.open()
    return board, car


def duties(board):
    return board.motor_duties()[:8]


class Recorded:
    """A bus that notes every block that is written."""

    def __init__(self, bus):
        self.blocks = []
        self._bus = bus

    def write_i2c_block_data(self, address, register, data):
        self.blocks.append((address, register, len(data)))
        self._bus.write_i2c_block_data(address, register, data)

    def __getattr__(self, name):
        return getattr(self._bus, name)


def test_the_kits_table():
    d = 1024
    assert channels(0.25) == [d, 4096, 0, 0, d, 0, 4096, d]
    assert channels(-0.25) == [d, 0, 4096, d, 0, 4096, 0, d]
    assert channels(1.0) == [4096, 4096, 0, 0, 4096, 0, 4096, 4096]
    assert channels(0.0) == channels(1e-5) == channels(-1e-5) == [0] * 8


@given(st.floats(-1, 1))
def test_the_duty_is_within_one_step_of_the_published_one(throttle):
    board, car = opened(throttle_gain=0.8)
    car.apply(Command(0.0, throttle))
    published = int(0xFFFF * abs(throttle * 0.8)) / 0x10000
    at = duties(board)
    for channel in (0, 7, 4 if throttle > 0 else 3):
        assert at[channel] == pytest.approx(published, abs=1 / 4096)
    assert min(at[1], at[2]) == min(at[3], at[4]) == min(at[5], at[6]) == 0.0


def test_motors_run_at_1526_hz_the_fastest_that_the_chip_can():
    board, _car = opened()
    assert board.bus().read_byte_data(MOTORS, PRE_SCALE) == 3


def test_all_pins_are_off_at_rest_on_open_on_close_and_after_every_direction():
    board, car = opened()
    assert duties(board) == [0.0] * 8
    for throttle in (0.5, -0.5):
        car.apply(Command(0.2, throttle))
        assert any(duties(board))
        car.apply(NEUTRAL)
        assert duties(board) == [0.0] * 8
    car.apply(Command(0.2, 1.0))
    car.close()
    assert duties(board) == [0.0] * 8
    assert board.pulse_us(0) == pytest.approx(1500, abs=2.5)


def test_off_and_on_are_the_chips_own_bits():
    board, car = opened(throttle_gain=1.0)
    car.apply(Command(0.0, 1.0))
    assert board.bus().read_i2c_block_data(MOTORS, LED0_ON_L, 12) == [0, 16, 0, 0, 0, 16, 0, 0, 0, 0, 0, 16]


def test_a_negative_gain_turns_the_direction_and_an_offset_moves_the_duty():
    board, car = opened(throttle_gain=-0.5)
    assert car.apply(Command(0.0, 1.0)) == Command(0.0, 1.0)
    assert duties(board) == pytest.approx([0.5, 0, 1, 0.5, 0, 1, 0, 0.5], abs=1e-3)
    board, car = opened(throttle_gain=1.0, throttle_offset=0.5)
    assert car.apply(Command(0.0, 1.0)) == Command(0.0, 0.5)
    assert duties(board)[0] == 1.0
    board, car = opened(throttle_gain=0.0, throttle_offset=2.0)
    assert car.apply(Command(0.0, 1.0)) == NEUTRAL


def test_one_block_of_32_bytes_and_the_motors_before_the_servo():
    board = Board()
    board.nak(MOTORS, False)
    bus = Recorded(board.bus())
    car = DcMotors(bus)
    car.open()
    bus.blocks.clear()
    car.apply(Command(0.5, 0.5))
    assert bus.blocks == [(MOTORS, LED0_ON_L, 32), (0x40, LED0_ON_L, 4)]


@pytest.mark.parametrize(("address", "does"), [(MOTORS, "drives the motors"), (0x40, "steers")])
def test_the_chip_that_does_not_answer_is_named(address, does):
    board = Board()
    board.nak(MOTORS, False)
    board.nak(address, True)
    car = DcMotors(board.bus())
    with pytest.raises(BusError, match=rf"0x{address:02x}, which {does}, does not answer.*jetracer kits"):
        car.open()
    car.close()  # says nothing


def test_motors_are_stopped_even_when_the_servo_does_not_answer():
    board, car = opened()
    car.apply(Command(0.0, 0.5))
    board.nak(0x40, True)
    with pytest.raises(OSError):
        car.neutral()
    assert duties(board) == [0.0] * 8


def test_what_is_not_finite_is_refused_and_a_power_dip_is_seen():
    board, car = opened()
    with pytest.raises(ValueError, match="not finite"):
        car.apply(Command(0.0, math.nan))
    assert car.healthy()
    board.bus().write_byte_data(MOTORS, 0x00, 0x11)
    assert not car.healthy()
