"""The PCA9685 driver against the virtual chip, register by register."""
from __future__ import annotations

import pytest

from jetracer.car.pca9685 import LED0_ON_L, MODE1, PRE_SCALE, Pca9685, prescale
from jetracer.sim.board import Board


@pytest.mark.parametrize(("hz", "value"), [(50, 121), (60, 101), (200, 30), (1526, 3), (24, 253), (5000, 3), (10, 255)])
def test_prescale_is_the_data_sheets(hz, value):
    assert prescale(hz) == value


def test_start_from_power_on():
    board = Board()
    chip = Pca9685(board.bus())
    assert not chip.running()
    chip.start()
    assert chip.running()
    assert board.bus().read_byte_data(0x40, PRE_SCALE) == 121
    assert board.bus().read_byte_data(0x40, MODE1) == 0x20  # awake, auto-increment, no all-call
    assert board.outputs() == [0.0] * 16


def test_start_silences_what_a_dead_program_left_at_another_rate():
    board = Board()
    Pca9685(board.bus(), frequency_hz=60).start()
    Pca9685(board.bus(), frequency_hz=60).write(5, [400])
    assert board.pulse_us(5) > 0
    Pca9685(board.bus(), frequency_hz=50).start()
    assert board.outputs() == [0.0] * 16


def test_the_pulse_of_a_channel_is_read_back_as_it_is_sent():
    board = Board()
    chip = Pca9685(board.bus(), frequency_hz=60)
    assert chip.pulse_us(1) == 0.0  # asleep
    chip.start()
    chip.write(1, [307, 0])
    assert chip.pulse_us(1) == pytest.approx(board.pulse_us(1))
    assert chip.pulse_us(2) == 0.0
    other_rate = Pca9685(board.bus(), frequency_hz=50)
    assert other_rate.pulse_us(1) == pytest.approx(board.pulse_us(1))


def test_start_leaves_a_running_chip_running():
    board = Board()
    chip = Pca9685(board.bus())
    chip.start()
    chip.write(1, [307])
    writes = board.write_count
    chip.start()
    assert board.write_count == writes
    assert board.pulse_us(1) == pytest.approx(1500, abs=2.5)


@pytest.mark.parametrize("pulse_us", [1000, 1497.3, 1500, 2000])
def test_pulses_are_within_half_a_step_at_the_real_rate(pulse_us):
    board = Board()
    chip = Pca9685(board.bus())
    chip.start()
    chip.write(3, [chip.steps(pulse_us)])
    assert board.pulse_us(3) == pytest.approx(pulse_us, abs=chip.step_us / 2)


def test_steps_stay_within_the_period():
    chip = Pca9685(Board().bus())
    assert chip.steps(-5) == 0
    assert chip.steps(1e6) == 4095


def test_neighbouring_channels_go_in_one_transfer():
    board = Board()
    chip = Pca9685(board.bus())
    chip.start()
    writes = board.write_count
    chip.write(2, [205, 0x1AB])
    assert board.write_count == writes + 1
    assert board.bus().read_i2c_block_data(0x40, LED0_ON_L + 8, 8) == [0, 0, 205, 0, 0, 0, 0xAB, 0x01]
