"""Commands to pulses and back: NVIDIA's formula, clipping, neutral, and a chip that does not answer."""
from __future__ import annotations

import errno
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.car.base import CARS, CarConfig, make_car
from jetracer.car.null import NullCar
from jetracer.car.pca9685 import MODE1
from jetracer.car.servo_esc import ServoEsc
from jetracer.core.errors import BusError, ConfigError, UnknownName
from jetracer.core.types import NEUTRAL, Command
from jetracer.sim.board import Board

STEP_US = 4.88
NVIDIA = CarConfig(steering_gain=-0.65, throttle_gain=0.8, throttle_max_us=2250, throttle_min_us=750)


def opened(config=None):
    board = Board()
    car = ServoEsc(board.bus(), config)
    car.open()
    return board, car


def pulses(board):
    return board.pulse_us(0), board.pulse_us(1)


def test_neutral_on_open_and_on_close():
    board, car = opened()
    assert pulses(board) == pytest.approx((1500, 1500), abs=STEP_US / 2)
    car.apply(Command(1.0, 1.0))
    assert pulses(board) == pytest.approx((2000, 2000), abs=STEP_US / 2)
    car.close()
    assert pulses(board) == pytest.approx((1500, 1500), abs=STEP_US / 2)


def test_steering_plus_one_is_a_longer_pulse_by_default_and_a_shorter_one_on_nvidias_car():
    board, car = opened()
    car.apply(Command(1.0, 0.0))
    assert board.pulse_us(0) == pytest.approx(2000, abs=STEP_US / 2)
    board, car = opened(NVIDIA)
    car.apply(Command(1.0, 1.0))
    assert pulses(board) == pytest.approx((1012.5, 2100), abs=STEP_US / 2)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(-0.3, 0.3))
def test_pulses_follow_the_formula_and_never_leave_the_range(steering, throttle, gain, offset):
    board, car = opened(CarConfig(steering_gain=gain, steering_offset=offset))
    sent = car.apply(Command(steering, throttle))
    wanted_us = 1500 + 750 * (steering * gain + offset)
    assert board.pulse_us(0) == pytest.approx(min(2000, max(1000, wanted_us)), abs=STEP_US / 2)
    assert 1000 - STEP_US <= board.pulse_us(0) <= 2000 + STEP_US
    assert 1500 + 750 * (sent.steering * gain + offset) == pytest.approx(min(2000, max(1000, wanted_us))) or gain == 0
    assert sent.throttle == throttle


def test_apply_says_what_was_really_sent():
    _board, car = opened(CarConfig(steering_max_us=1750))
    whole = Command(0.25, -1.0)
    assert car.apply(whole) is whole
    sent = car.apply(Command(1.0, 0.5))
    assert sent.steering == pytest.approx(0.5)
    assert sent.throttle == 0.5
    _board, car = opened(CarConfig(steering_gain=0.0, steering_offset=0.9))
    assert car.apply(Command(0.7, 0.0)) == NEUTRAL
    _board, car = opened(CarConfig(throttle_max_us=1750))
    assert car.apply(Command(0.0, 1.0)) == Command(0.0, pytest.approx(0.5))


@pytest.mark.parametrize(("steering", "throttle", "transfers"), [(0, 1, 1), (6, 5, 1), (0, 7, 2)])
def test_one_transfer_for_neighbours_and_the_motor_first_otherwise(steering, throttle, transfers):
    board, car = opened(CarConfig(steering_channel=steering, throttle_channel=throttle))
    before = board.write_count
    car.apply(Command(0.5, -0.5))
    assert board.write_count == before + transfers
    assert board.pulse_us(steering) == pytest.approx(1750, abs=STEP_US / 2)
    assert board.pulse_us(throttle) == pytest.approx(1250, abs=STEP_US / 2)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_and_not_sent(bad):
    board, car = opened()
    before = board.write_count
    for command in (Command(bad, 0.0), Command(0.0, bad)):
        with pytest.raises(ValueError, match="not finite"):
            car.apply(command)
    assert board.write_count == before


def test_neutral_works_on_a_car_that_another_process_opened():
    board, car = opened()
    car.apply(Command(1.0, 1.0))
    ServoEsc(board.bus()).neutral()
    assert pulses(board) == pytest.approx((1500, 1500), abs=STEP_US / 2)


def test_a_chip_that_does_not_answer():
    board = Board()
    board.nak(0x40, True)
    car = ServoEsc(board.bus())
    with pytest.raises(BusError, match=r"PCA9685 at 0x40 does not answer.*i2cdetect"):
        car.open()
    car.close()  # says nothing
    with pytest.raises(OSError) as caught:
        car.apply(NEUTRAL)
    assert caught.value.errno == errno.EREMOTEIO


def test_a_power_dip_is_seen():
    board, car = opened()
    assert car.healthy()
    board.brown_out()
    assert not car.healthy()
    car.open()
    assert car.healthy()
    board.bus().write_byte_data(0x40, MODE1, 0x00)  # awake but without auto-increment: somebody else's setting
    assert not car.healthy()


def test_the_null_car_obeys_and_moves_nothing():
    with make_car(None, CarConfig(name="null")) as car:
        assert isinstance(car, NullCar)
        assert car.apply(Command(0.5, 0.5)) == car.sent == Command(0.5, 0.5)
        assert car.healthy()
        assert car.settle_s == 0.0
        car.neutral()
        assert car.count == 2
    assert car.sent == NEUTRAL


def test_cars_are_chosen_by_name():
    assert CARS.names == ("dc_motors", "null", "servo_esc")
    assert isinstance(make_car(Board().bus(), CarConfig()), ServoEsc)
    with pytest.raises(UnknownName, match="did you mean 'servo_esc'"):
        make_car(None, CarConfig(name="servo_ecs"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steering_channel": 16}, "two different channels"),
        ({"throttle_channel": -1}, "two different channels"),
        ({"steering_channel": 1}, "two different channels"),
        ({"frequency_hz": 1600}, "40 to 330 Hz"),
        ({"motor_frequency_hz": 2000}, "24 to 1600 Hz"),
        ({"address": 0x20}, "0x40..0x7f, not 0x20"),
        ({"frequency_hz": math.nan}, "40 to 330 Hz"),
        ({"steering_min_us": 2100}, "must rise"),
        ({"throttle_max_us": 2600}, "must rise"),
        ({"throttle_gain": math.nan}, "must be numbers"),
        ({"steering_offset": math.inf}, "must be numbers"),
    ],
)
def test_a_wiring_that_makes_no_sense_is_refused(options, text):
    with pytest.raises(ConfigError, match=text):
        CarConfig(**options)
