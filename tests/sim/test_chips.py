"""The chips of the virtual board, by their data sheets."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.sim.board import Board

from .wires import ALL_LED, INA, LED0, MODE1, MODE2, OLED, PCA, PRE_SCALE, awake, pulse

TICK_US = 20_000 / 4096


# -- PCA9685


def test_after_power_on_the_pwm_chip_sleeps_with_all_outputs_off():
    board = Board()
    bus = board.bus()
    assert board.outputs() == [0.0] * 16
    assert bus.read_byte_data(PCA, MODE1) == 0x11
    assert bus.read_byte_data(PCA, MODE2) == 0x04
    assert bus.read_byte_data(PCA, PRE_SCALE) == 0x1E
    assert bus.read_byte_data(PCA, LED0 + 3) == 0x10


@given(ticks=st.integers(0, 4095), on=st.integers(0, 4095), channel=st.integers(0, 15))
def test_a_pulse_is_as_long_as_its_ticks_wherever_it_starts(ticks, on, channel):
    board, bus = awake()
    pulse(bus, channel, ticks, on)
    assert board.pulse_us(channel) == pytest.approx(ticks / 4096 * 4096 * 122 / 25, rel=1e-9)
    assert sum(p > 0 for p in board.outputs()) == (ticks > 0)


def test_the_prescaler_takes_values_only_in_sleep_and_not_below_three():
    board, bus = awake(prescale=121)
    pulse(bus, 0, 2048)
    bus.write_byte_data(PCA, PRE_SCALE, 30)
    assert bus.read_byte_data(PCA, PRE_SCALE) == 121
    assert board.pulse_us(0) == pytest.approx(2048 * 122 / 25)
    bus.write_byte_data(PCA, MODE1, 0x30)
    bus.write_byte_data(PCA, PRE_SCALE, 0)
    assert bus.read_byte_data(PCA, PRE_SCALE) == 3


def test_sleep_stops_the_pulses_and_restart_brings_them_back():
    board, bus = awake()
    pulse(bus, 3, 307)
    bus.write_byte_data(PCA, MODE1, 0x31)
    assert board.pulse_us(3) == 0.0
    assert bus.read_byte_data(PCA, MODE1) == 0xB1  # RESTART says that outputs were on
    bus.write_byte_data(PCA, MODE1, 0x21)
    assert board.pulse_us(3) == 0.0  # awake, not restarted
    bus.write_byte_data(PCA, MODE1, 0xA1)
    assert bus.read_byte_data(PCA, MODE1) == 0x21
    assert board.pulse_us(3) == pytest.approx(307 * TICK_US, rel=1e-3)


@pytest.mark.parametrize("register", [LED0 + 8, ALL_LED])
def test_a_pwm_write_restarts_as_well(register):
    board, bus = awake()
    pulse(bus, 3, 307)
    bus.write_byte_data(PCA, MODE1, 0x31)
    bus.write_byte_data(PCA, MODE1, 0x21)
    bus.write_byte_data(PCA, register, 0)
    assert board.pulse_us(3) > 0.0


def test_sleeping_with_all_outputs_off_asks_for_no_restart():
    _, bus = awake()
    bus.write_byte_data(PCA, MODE1, 0x31)
    assert bus.read_byte_data(PCA, MODE1) == 0x31


def test_full_off_wins_over_full_on():
    board, bus = awake()
    bus.write_i2c_block_data(PCA, LED0, [0, 0x10, 0, 0])
    assert board.pulse_us(0) == pytest.approx(4096 * 122 / 25)
    bus.write_i2c_block_data(PCA, LED0, [0, 0x10, 0, 0x10])
    assert board.pulse_us(0) == 0.0


def test_all_led_registers_set_every_channel_and_read_as_zero():
    board, bus = awake()
    bus.write_i2c_block_data(PCA, ALL_LED, [0, 0, 0x33, 0x01])
    assert board.outputs() == [pytest.approx(307 * 122 / 25)] * 16
    assert bus.read_i2c_block_data(PCA, ALL_LED, 4) == [0, 0, 0, 0]
    bus.write_byte_data(PCA, ALL_LED + 3, 0x10)
    assert board.outputs() == [0.0] * 16


def test_without_auto_increment_all_bytes_go_to_one_register():
    board = Board()
    bus = board.bus()
    bus.write_i2c_block_data(PCA, LED0, [1, 2, 3])
    assert bus.read_byte_data(PCA, LED0) == 3
    assert bus.read_byte_data(PCA, LED0 + 1) == 0
    bus.write_byte_data(PCA, MODE1, 0x31)
    bus.write_i2c_block_data(PCA, LED0, [1, 2, 3])
    assert bus.read_i2c_block_data(PCA, LED0, 4) == [1, 2, 3, 0x10]


def test_the_register_pointer_wraps_after_the_last_channel_and_stays_between_transfers():
    _, bus = awake()
    bus.write_byte(PCA, 0x45)
    assert bus.read_byte(PCA) == 0x10
    assert bus.read_byte(PCA) == bus.read_byte_data(PCA, MODE1)


def test_inverted_outputs_and_an_external_clock_that_is_not_there():
    board, bus = awake()
    pulse(bus, 0, 1024)
    bus.write_byte_data(PCA, MODE2, 0x14)
    assert board.pulse_us(0) == pytest.approx(3072 * 122 / 25)
    bus.write_byte_data(PCA, MODE1, 0x31)
    bus.write_byte_data(PCA, MODE1, 0x71)
    bus.write_byte_data(PCA, MODE1, 0xA1)
    assert board.pulse_us(0) == 0.0
    assert bus.read_byte_data(PCA, MODE1) & 0x40  # only a reset takes it back


def test_software_reset_and_all_call_address():
    board, bus = awake()
    pulse(bus, 0, 307)
    assert bus.read_byte_data(0x70, MODE1) == 0x21
    with pytest.raises(OSError, match="Remote I/O"):
        bus.write_byte(0x00, 0x07)
    bus.write_byte(0x00, 0x06)
    assert board.outputs() == [0.0] * 16
    bus.write_byte_data(PCA, MODE1, 0x10)
    with pytest.raises(OSError, match="Remote I/O"):
        bus.read_byte(0x70)


def test_a_channel_that_does_not_exist():
    with pytest.raises(IndexError, match="channels 0 to 15, not 16"):
        Board().pulse_us(16)


# -- INA219


def test_voltage_current_and_power_with_the_usual_calibration():
    board = Board()
    board.set_battery(11.872, 1.234)
    bus = board.bus()
    bus.write_i2c_block_data(INA, 0x05, [0x10, 0x00])  # 4096: current LSB 0.1 mA at 0.1 ohm

    def register(number):
        high, low = bus.read_i2c_block_data(INA, number, 2)
        return high << 8 | low

    assert (register(2) >> 3) * 4 == 11872
    assert register(2) & 0x03 == 0x02  # converted, no overflow
    assert register(1) == 12340
    assert register(4) == 12340
    assert register(3) == pytest.approx(11.872 * 1.234 / 2e-3, abs=2)
    bus.write_i2c_block_data(INA, 0x00, [0x80, 0x00])
    assert (register(0), register(5), register(4)) == (0x399F, 0, 0)


def test_ranges_limit_the_readings_and_negative_currents_are_two_s_complement():
    board = Board()
    bus = board.bus()
    board.set_battery(30.0, -2.0)
    bus.write_i2c_block_data(INA, 0x00, [0x01, 0x9F])  # 16 V, 40 mV
    assert bus.read_i2c_block_data(INA, 0x02, 2) == [(4000 << 3 | 2) >> 8, 0x02]
    high, low = bus.read_i2c_block_data(INA, 0x01, 2)
    assert (high << 8 | low) - 0x10000 == -4000


def test_a_triggered_conversion_is_held_and_overflow_is_flagged():
    board = Board()
    bus = board.bus()
    board.set_battery(12.0, 3.0)
    bus.write_i2c_block_data(INA, 0x00, [0x39, 0x9B])  # once, both
    bus.write_i2c_block_data(INA, 0x05, [0xFF, 0xFE])
    board.set_battery(8.0, 0.0)
    high, low = bus.read_i2c_block_data(INA, 0x02, 2)
    assert (high << 8 | low) >> 3 == 3000
    assert low & 0x01


# -- SSD1306


def commands(bus, *values):
    for value in values:
        bus.write_byte_data(OLED, 0x00, value)


def show(bus, data):
    for start in range(0, len(data), 32):
        bus.write_i2c_block_data(OLED, 0x40, data[start : start + 32])


def test_a_picture_sent_as_drivers_send_it_comes_out_upright():
    board = Board()
    bus = board.bus()
    picture = np.random.default_rng(4).random((64, 128)) < 0.5
    ram = np.packbits(picture.reshape(8, 8, 128), axis=1, bitorder="little").reshape(-1)
    commands(bus, 0xAE, 0xD5, 0x80, 0xA8, 63, 0xD3, 0, 0x40, 0x8D, 0x14, 0x20, 0x00, 0xA1, 0xC8)
    commands(bus, 0x21, 0, 127, 0x22, 0, 7)
    show(bus, ram.tolist())
    assert not board.display().any()  # still switched off
    assert bus.read_byte(OLED) & 0x40
    commands(bus, 0xAF)
    assert np.array_equal(board.display(), picture)
    commands(bus, 0xA7)
    assert np.array_equal(board.display(), ~picture)
    commands(bus, 0xA6, 0xA0, 0xC0)
    assert np.array_equal(board.display(), picture[::-1, ::-1])
    commands(bus, 0xA5)
    assert board.display().all()


def test_page_and_vertical_addressing_and_a_display_of_32_lines():
    board = Board()
    bus = board.bus()
    commands(bus, 0xA8, 31, 0xA1, 0xC8, 0x81, 0xFF, 0xAF)
    commands(bus, 0xB2, 0x05, 0x11)  # page 2, column 0x15
    show(bus, [0x01])
    assert np.argwhere(board.display()).tolist() == [[16, 0x15]]
    assert board.display().shape == (32, 128)
    commands(bus, 0x20, 0x01, 0x21, 100, 101, 0x22, 0, 1)
    show(bus, [1, 2, 4, 8, 16])
    lit = {tuple(place) for place in np.argwhere(board.display()).tolist()}
    assert lit == {(4, 100), (9, 100), (2, 101), (11, 101), (16, 0x15)}


def test_several_control_bytes_in_one_message():
    board = Board()
    board.bus().write_i2c_block_data(OLED, 0x80, [0xAF, 0x80, 0xA5])
    assert board.display().all()
