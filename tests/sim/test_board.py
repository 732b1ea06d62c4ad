"""The virtual board: chips by their data sheets, and one board shared by processes that get stopped and killed."""
from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.core.clock import FakeClock
from jetracer.core.errors import BusError
from jetracer.core.i2c import open_bus
from jetracer.sim.board import Board

PCA, INA, OLED = 0x40, 0x41, 0x3C
MODE1, MODE2, LED0, ALL_LED, PRE_SCALE = 0x00, 0x01, 0x06, 0xFA, 0xFE
TICK_US = 20_000 / 4096


def awake(board=None, prescale=121):
    """A board whose PCA9685 runs at 50 Hz with auto-increment, and its bus."""
    board = board or Board()
    bus = board.bus()
    for register, value in ((MODE1, 0x10), (PRE_SCALE, prescale), (MODE1, 0xA1)):
        bus.write_byte_data(PCA, register, value)
    return board, bus


def pulse(bus, channel, ticks, on=0):
    off = (on + ticks) % 4096
    bus.write_i2c_block_data(PCA, LED0 + 4 * channel, [on & 0xFF, on >> 8, off & 0xFF, off >> 8])


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


# -- the bus


def test_an_address_without_a_chip_is_not_acknowledged():
    for action in (lambda bus: bus.write_quick(0x50), lambda bus: bus.read_byte(0x3D)):
        with pytest.raises(OSError, match="Remote I/O") as caught:
            action(Board().bus())
        assert caught.value.errno == errno.EREMOTEIO


def test_a_nak_lasts_until_it_is_taken_back():
    board, bus = awake()
    board.nak(PCA, True)
    with pytest.raises(OSError, match="Remote I/O"):
        bus.read_byte_data(PCA, MODE1)
    assert bus.read_byte(OLED) == 0x40
    board.nak(PCA, False)
    assert bus.read_byte_data(PCA, MODE1) == 0x21


def test_brown_out_puts_the_outputs_off():
    board, bus = awake()
    pulse(bus, 0, 307)
    written = board.write_count
    board.brown_out()
    assert board.outputs() == [0.0] * 16
    assert bus.read_byte_data(PCA, MODE1) == 0x11
    assert (board.brown_outs, board.write_count) == (1, written)


def test_register_writes_are_counted_and_stamped():
    clock = FakeClock(5.0)
    board = Board(now_s=clock.now_s)
    bus = board.bus()
    bus.read_byte_data(PCA, MODE1)
    bus.write_byte(PCA, MODE1)
    bus.write_byte_data(OLED, 0, 0xAF)
    assert (board.write_count, board.last_write_s) == (0, 0.0)
    bus.write_byte_data(PCA, MODE1, 0x10)
    clock.advance(1.0)
    bus.write_byte_data(PCA, MODE1, 0x21)
    assert (board.write_count, board.last_write_s) == (2, 6.0)


def test_smbus_calls():
    smbus2 = pytest.importorskip("smbus2")
    _, bus = awake()
    bus.write_word_data(PCA, LED0, 0x0201)
    assert bus.read_word_data(PCA, LED0) == 0x0201
    assert bus.process_call(PCA, LED0, 0x0403) == 0x1000  # reads on behind what it wrote
    read = smbus2.i2c_msg.read(PCA, 40)
    bus.i2c_rdwr(smbus2.i2c_msg.write(PCA, [LED0, 9] + [0] * 39), smbus2.i2c_msg.write(PCA, [LED0]), read)
    assert list(read)[:2] == [9, 0]
    with pytest.raises(ValueError, match="32 bytes"):
        bus.write_i2c_block_data(PCA, LED0, [0] * 33)


def test_a_closed_bus():
    with Board().bus() as bus:
        pass
    bus.close()
    for call in (lambda: bus.read_byte(PCA), lambda: bus.i2c_rdwr()):
        with pytest.raises(OSError, match="closed"):
            call()


# -- shared by processes


def test_no_board_and_not_a_board(tmp_path):
    with pytest.raises(BusError, match="No virtual board at .*start the simulator"):
        Board.attach(str(tmp_path / "board"))
    (tmp_path / "board").write_text("something else")
    with pytest.raises(BusError, match="is no virtual board; delete it"):
        open_bus(f"sim:{tmp_path / 'board'}")


def test_two_users_of_one_file_see_the_same_registers(tmp_path):
    path = str(tmp_path / "board")
    board = Board.create(path)
    with open_bus(f"sim:{path}") as bus:
        for register, value in ((MODE1, 0x10), (PRE_SCALE, 121), (MODE1, 0xA1)):
            bus.write_byte_data(PCA, register, value)
        pulse(bus, 1, 307)
    assert board.pulse_us(1) == pytest.approx(1498.16)
    assert board.last_write_s == pytest.approx(time.monotonic(), abs=5)
    board.close()
    board.close()


def child(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE)


def test_a_user_stopped_in_the_middle_of_a_transfer_holds_up_nobody(tmp_path):
    path = tmp_path / "board"
    board, bus = awake(Board.create(str(path)))
    code = """
import os, signal, sys
from jetracer.sim.board import Board
board = Board.attach(sys.argv[1])
with board._memory.turn():
    os.kill(os.getpid(), signal.SIGSTOP)
board.bus().write_byte_data(0x40, 0xFD, 0x10)
"""
    with child(code, path) as other:
        _, status = os.waitpid(other.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        took_s = []
        for _ in range(50):
            start_s = time.perf_counter()
            pulse(bus, 0, 307)
            took_s.append(time.perf_counter() - start_s)
        assert board.pulse_us(0) > 0
        assert sum(took_s) < 0.05  # 50 waits of the full patience would take 0.15 s
        os.kill(other.pid, signal.SIGCONT)
        assert other.wait(10) == 0
    assert board.outputs() == [0.0] * 16
    pulse(bus, 0, 307)  # in turn again
    board.close()


def test_writers_killed_at_any_moment_leave_whole_pulses(tmp_path):
    path = tmp_path / "board"
    board, bus = awake(Board.create(str(path)))
    code = """
import sys
from jetracer.sim.board import Board
bus = Board.attach(sys.argv[1]).bus()
print("go", flush=True)
while True:
    bus.write_i2c_block_data(0x40, 6, [0, 0, 0xCD, 0x00])
    bus.write_i2c_block_data(0x40, 6, [0, 0, 0x9A, 0x01])
"""
    allowed = [pytest.approx(ticks * 122 / 25) for ticks in (0xCD, 0x19A)]
    for _ in range(4):
        with child(code, path) as writer:
            assert writer.stdout.readline() == b"go\n"
            before = board.write_count
            for _ in range(300):
                assert board.pulse_us(0) in (0.0, *allowed)
            while board.write_count < before + 100:
                assert writer.poll() is None
            writer.kill()
        assert board.pulse_us(0) in allowed
        start_s = time.perf_counter()
        pulse(bus, 1, 307)
        assert time.perf_counter() - start_s < 0.05
        assert board.pulse_us(1) == pytest.approx(1498.16)
    board.close()


def test_importing_the_board_is_cheap():
    code = "import sys, jetracer.sim.board; print([m for m in ('numpy', 'cv2', 'smbus2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"[]\n"
