"""The registers of the virtual board's chips, as tests write them."""
from __future__ import annotations

from jetracer.sim.board import Board

PCA, INA, OLED = 0x40, 0x41, 0x3C
MODE1, MODE2, LED0, ALL_LED, PRE_SCALE = 0x00, 0x01, 0x06, 0xFA, 0xFE


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
