"""INA219, a battery's voltage and current.

Section numbers: Texas Instruments SBOS448G. The reset value of the configuration register (8.6.2.1: 0x399F,
that is 32 V range, 12 bits, continuous) is what is wanted, so nothing is ever written. Other programs may set
other averages and ranges: the units of the two registers that are read stay the same.
"""
from __future__ import annotations

from typing import Any, Tuple

SHUNT_VOLTAGE = 0x01  # 8.6.3.1: two's complement, in units of 10 uV
BUS_VOLTAGE = 0x02  # 8.6.3.2: bits 15..3 in units of 4 mV
SHUNT_LSB_V, BUS_LSB_V = 10e-6, 0.004


class Ina219:
    """The sensor at `address` of an open bus, with a resistor of `shunt_ohm` between its two inputs."""

    def __init__(self, bus: Any, address: int = 0x41, shunt_ohm: float = 0.1) -> None:
        self._bus, self._address, self._shunt_ohm = bus, address, shunt_ohm

    def read(self) -> Tuple[float, float]:
        """(volts, amperes); on the kits' boards a positive current charges the pack. Raises OSError."""
        volts = (self._word(BUS_VOLTAGE) >> 3) * BUS_LSB_V
        shunt = self._word(SHUNT_VOLTAGE)
        shunt -= (shunt & 0x8000) << 1
        return volts, shunt * SHUNT_LSB_V / self._shunt_ohm

    def _word(self, register: int) -> int:
        high, low = self._bus.read_i2c_block_data(self._address, register, 2)
        return high << 8 | low
