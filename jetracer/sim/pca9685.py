"""PCA9685: 16 channels of 12-bit PWM; here servo on one, motor controller (ESC) on another.

Modelled after the NXP data sheet PCA9685 rev. 4: section 7.1 (addresses), 7.3 (registers), 7.3.1.1 (restart),
7.6 (software reset). Not modelled: the 500 us the oscillator needs after sleep, and output drive modes.
"""
from __future__ import annotations

import math
from typing import List, Sequence

from jetracer.sim.chip import Chip

ADDRESS, MOTOR_ADDRESS = 0x40, 0x60
OSCILLATOR_HZ = 25_000_000.0
CHANNELS = 16

MODE1, MODE2, SUBADR1, SUBADR3, ALLCALLADR = 0x00, 0x01, 0x02, 0x04, 0x05
LED0, LED_LAST, ALL_LED, ALL_LED_LAST, PRE_SCALE = 0x06, 0x45, 0xFA, 0xFD, 0xFE
RESTART, EXTCLK, AUTO_INCREMENT, SLEEP, ALLCALL = 0x80, 0x40, 0x20, 0x10, 0x01
INVERTED = 0x10  # MODE2
FULL = 0x10  # bit 4 of ON_H: always on; of OFF_H: always off, which wins
_POINTER = 272  # away from the registers, so that it is never written out in one piece with them
_GENERAL_CALL, _SOFTWARE_RESET = 0x00, b"\x06"


class Pca9685(Chip):
    """The chip at register level. `state` is its 256 registers, then the register pointer."""

    size = _POINTER + 1

    @classmethod
    def power_on(cls) -> bytearray:
        state = bytearray(cls.size)
        state[MODE1 : ALLCALLADR + 1] = bytes((SLEEP | ALLCALL, 0x04, 0xE2, 0xE4, 0xE8, 0xE0))
        for channel in range(CHANNELS):
            state[LED0 + 4 * channel + 3] = FULL
        state[PRE_SCALE] = 0x1E
        return state

    def answers(self, address: int, data: bytes) -> bool:
        """Whether the chip acknowledges this further address: LED all call, sub-addresses, software reset."""
        if address == _GENERAL_CALL:
            return data == _SOFTWARE_RESET
        mode = self.state[MODE1]
        calls = [(ALLCALLADR, ALLCALL), (SUBADR1, 0x08), (SUBADR1 + 1, 0x04), (SUBADR3, 0x02)]
        return any(mode & bit and self.state[register] >> 1 == address for register, bit in calls)

    def software_reset(self) -> None:
        for place, value in enumerate(self.power_on()):
            self._put(place, value)

    def write(self, data: bytes) -> None:
        if not data:
            return
        pointer = data[0]
        for value in data[1:]:
            self._set(pointer, value)
            pointer = self._next(pointer)
        self._put(_POINTER, pointer)

    def read(self, count: int) -> bytes:
        pointer, out = self.state[_POINTER], bytearray()
        for _ in range(count):
            out.append(0 if ALL_LED <= pointer <= ALL_LED_LAST else self.state[pointer])
            pointer = self._next(pointer)
        self._put(_POINTER, pointer)
        return bytes(out)

    def _next(self, pointer: int) -> int:
        if not self.state[MODE1] & AUTO_INCREMENT:
            return pointer
        return 0 if pointer in (LED_LAST, PRE_SCALE, 0xFF) else pointer + 1

    def _set(self, register: int, value: int) -> None:
        if register == MODE1:
            self._set_mode(value)
        elif LED0 <= register <= LED_LAST:
            self._set_led(register, value)
            self._put(MODE1, self.state[MODE1] & ~RESTART)  # 7.3.1.1: any PWM write restarts
        elif ALL_LED <= register <= ALL_LED_LAST:
            for channel in range(CHANNELS):
                self._set_led(LED0 + 4 * channel + register - ALL_LED, value)
            self._put(MODE1, self.state[MODE1] & ~RESTART)
        elif register == PRE_SCALE:
            if self.state[MODE1] & SLEEP:  # writable in sleep only; 3 is the smallest the hardware takes
                self._put(PRE_SCALE, max(value, 3))
        elif register < LED0:
            self._put(register, value & (0x1F if register == MODE2 else 0xFF))

    def _set_led(self, register: int, value: int) -> None:
        high_byte = (register - LED0) & 1
        self._put(register, value & 0x1F if high_byte else value)

    def _set_mode(self, value: int) -> None:
        old = self.state[MODE1]
        restart = old & RESTART
        if value & SLEEP and not old & SLEEP and self._any_running():
            restart = RESTART
        elif value & RESTART and not value & SLEEP:
            restart = 0  # writing 1 restarts the outputs and clears the bit; writing 0 does nothing
        external = old & EXTCLK or (value & EXTCLK if old & SLEEP else 0)  # sticky until reset
        self._put(MODE1, value & ~(RESTART | EXTCLK) | restart | external)

    def _any_running(self) -> bool:
        return any(not self.state[LED0 + 4 * channel + 3] & FULL for channel in range(CHANNELS))


def frequency_hz(registers: Sequence[int]) -> float:
    """The PWM frequency; 0.0 when no clock runs (asleep, or switched to a clock pin that nothing drives)."""
    if registers[MODE1] & (SLEEP | EXTCLK):
        return 0.0
    return OSCILLATOR_HZ / (4096 * (registers[PRE_SCALE] + 1))


def pulse_us(registers: Sequence[int], channel: int) -> float:
    """How long the output of `channel` is high in each period; 0.0 = no pulses at all."""
    if not 0 <= channel < CHANNELS:
        raise IndexError(f"The PCA9685 has channels 0 to {CHANNELS - 1}, not {channel}.")
    hz = frequency_hz(registers)
    if not hz or registers[MODE1] & RESTART:  # woken, but not yet told to restart its outputs
        return 0.0
    ticks = _high_ticks(registers, LED0 + 4 * channel)
    if registers[MODE2] & INVERTED:
        ticks = 4096 - ticks
    return ticks / 4096 * 1e6 / hz


def pulses_us(registers: Sequence[int]) -> List[float]:
    return [pulse_us(registers, channel) for channel in range(CHANNELS)]


def duties(registers: Sequence[int]) -> List[float]:
    """The share of each period that each output is high."""
    period_us = 1e6 / (frequency_hz(registers) or math.inf) or math.inf
    return [pulse_us(registers, channel) / period_us for channel in range(CHANNELS)]


def _high_ticks(registers: Sequence[int], first: int) -> int:
    on_low, on_high, off_low, off_high = registers[first : first + 4]
    if off_high & FULL:
        return 0
    if on_high & FULL:
        return 4096
    return ((off_high << 8 | off_low) - (on_high << 8 | on_low)) % 4096
