"""The virtual board and its bus, also shared by processes that get stopped and killed."""
from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import BusError
from jetracer.core.i2c import open_bus
from jetracer.sim.board import Board

from .wires import LED0, MODE1, OLED, PCA, PRE_SCALE, awake, pulse

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
    for call in (lambda: bus.read_byte(PCA), bus.i2c_rdwr):
        with pytest.raises(OSError, match="closed"):
            call()


# -- shared by processes


def test_no_board_and_not_a_board(tmp_path):
    with pytest.raises(BusError, match=r"No virtual board at .*start the simulator"):
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


def test_the_motors_chip_answers_only_when_fitted():
    board = Board()
    with pytest.raises(OSError):
        board.bus().read_byte(0x60)
    board.nak(0x60, False)
    bus = board.bus()
    assert board.motor_duties() == [0.0] * 16
    for register, value in ((0x00, 0x30), (0xFE, 3), (0x00, 0x20)):
        bus.write_byte_data(0x60, register, value)
    bus.write_i2c_block_data(0x60, 0x06, [0, 0, 0, 0x04, 0, 0x10, 0, 0])
    assert board.motor_duties()[:3] == pytest.approx([0.25, 1.0, 0.0])
    assert board.outputs() == [0.0] * 16, "the servo's chip is another one"
    assert board.write_count == 0
