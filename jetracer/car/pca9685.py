"""PCA9685, 16-channel 12-bit PWM controller, register by register.

Section numbers: NXP "PCA9685 Product data sheet", Rev. 4 (2015-04-16).
"""
from __future__ import annotations

import time
from typing import Any, Sequence, Tuple

MODE1 = 0x00  # 7.3.1
MODE2 = 0x01  # 7.3.2
LED0_ON_L = 0x06  # 7.3.3, table 7: four registers per channel: ON_L ON_H OFF_L OFF_H
ALL_LED_OFF_H = 0xFD  # 7.3.4, table 8
PRE_SCALE = 0xFE  # 7.3.5

MODE1_SLEEP = 0x10  # 7.3.1, table 5: oscillator off, no pulses
MODE1_AUTO_INCREMENT = 0x20  # 7.3.1, table 5: block writes go on to the next register
MODE2_TOTEM_POLE = 0x04  # 7.3.2, table 6: OUTDRV; outputs change on STOP (OCH = 0), so all of a block at once
FULL_ON = FULL_OFF = 0x10  # 7.3.3: bit 4 of ON_H, and of OFF_H, which wins over everything else

OSCILLATOR_HZ = 25_000_000  # 7.3.5: internal oscillator
STEPS = 4096  # 7.3.3: of one period
WAKE_S = 0.0005  # 7.3.1.1: the oscillator needs 500 us at most


def prescale(frequency_hz: float) -> int:
    """Equation 1 of 7.3.5: round(oscillator / (4096 * rate)) - 1, in 3..255."""
    return min(255, max(3, round(OSCILLATOR_HZ / (STEPS * frequency_hz)) - 1))


class Pca9685:
    """The chip at `address` of an open bus. A failed transfer raises OSError."""

    def __init__(self, bus: Any, address: int = 0x40, frequency_hz: float = 50.0) -> None:
        self._bus = bus
        self._address = address
        self._prescale = prescale(frequency_hz)
        # The rate is rarely exact (50 Hz is really 50.03); pulses are counted with the real one.
        self.step_us = (self._prescale + 1) * 1e6 / OSCILLATOR_HZ

    def start(self) -> None:
        """Set the rate and switch the chip on with every channel silent.

        A chip that already runs at this rate is left running: an ESC that misses pulses has to arm anew.
        """
        if self.running() and self._bus.read_byte_data(self._address, PRE_SCALE) == self._prescale:
            return
        write = self._bus.write_byte_data
        write(self._address, ALL_LED_OFF_H, FULL_OFF)  # whatever a dead program left
        write(self._address, MODE1, MODE1_SLEEP | MODE1_AUTO_INCREMENT)  # 7.3.5: needed to set the rate
        write(self._address, PRE_SCALE, self._prescale)
        write(self._address, MODE2, MODE2_TOTEM_POLE)
        write(self._address, MODE1, MODE1_AUTO_INCREMENT)
        time.sleep(WAKE_S)

    def running(self) -> bool:
        """Awake and as `start` leaves it; False after a power-on reset (7.3.1, table 5: MODE1 = 0x11)."""
        mode = self._bus.read_byte_data(self._address, MODE1)
        return mode & (MODE1_SLEEP | MODE1_AUTO_INCREMENT) == MODE1_AUTO_INCREMENT

    def pulse_us(self, channel: int) -> float:
        """The pulse that a channel now sends, whoever set it; 0 when it or the chip is silent."""
        if self._bus.read_byte_data(self._address, MODE1) & MODE1_SLEEP:
            return 0.0
        on_l, on_h, off_l, off_h = self._bus.read_i2c_block_data(self._address, LED0_ON_L + 4 * channel, 4)
        if off_h & FULL_OFF:
            return 0.0
        step_us = (self._bus.read_byte_data(self._address, PRE_SCALE) + 1) * 1e6 / OSCILLATOR_HZ
        return ((off_h << 8 | off_l) - (on_h << 8 | on_l)) % STEPS * step_us

    def steps(self, pulse_us: float) -> int:
        """The number of 1/4096 periods nearest to a pulse."""
        return min(STEPS - 1, max(0, round(pulse_us / self.step_us)))

    def write(self, first_channel: int, steps: Sequence[int]) -> None:
        """Pulses for at most 8 neighbouring channels, all in one transfer, so that they change together.

        0 steps are off, STEPS are on without a gap; a block of SMBus has 32 bytes at most.
        """
        block = [byte for count in steps for byte in _registers(count)]
        self._bus.write_i2c_block_data(self._address, LED0_ON_L + 4 * first_channel, block)


def _registers(steps: int) -> Tuple[int, int, int, int]:
    """ON_L ON_H OFF_L OFF_H of one channel. ON equal to OFF is not defined (7.3.3), so the ends are bits."""
    if steps <= 0:
        return 0, 0, 0, FULL_OFF
    if steps >= STEPS:
        return 0, FULL_ON, 0, 0
    return 0, 0, steps & 0xFF, steps >> 8
