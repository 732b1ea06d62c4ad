"""ADS1115, the converter that measures the battery on older Waveshare boards: a quarter of it is on input AIN0.

Section numbers: Texas Instruments SBAS444D. After power-on it sleeps (9.6.3: MODE = 1) and measures AIN0 against
AIN1, so one register has to be written: the configuration, for continuous conversions of AIN0 against ground.
It is the setting that Waveshare's own display service writes, so the two do not disturb each other.
"""
from __future__ import annotations

import math
from typing import Any, Tuple

CONVERSION, CONFIG = 0x00, 0x01  # 9.6.1
MUX_AIN0, PGA_4V, DR_128, COMPARATOR_OFF = 0x4000, 0x0200, 0x0080, 0x0003  # 9.6.3; MODE = 0: continuous
CONTINUOUS = MUX_AIN0 | PGA_4V | DR_128 | COMPARATOR_OFF
OS = 0x8000  # 9.6.3: tells when read whether it is idle; no part of the setting
LSB_V = 125e-6  # 9.3.3, table 3: of the range of 4.096 V


class Ads1115:
    """The converter at `address` of an open bus. `divider`: volts of the pack for a volt on its input."""

    def __init__(self, bus: Any, address: int = 0x48, divider: float = 4.0) -> None:
        self._bus, self._address, self._divider = bus, address, divider

    def read(self) -> Tuple[float, float]:
        """(volts, NaN: it measures no current). Raises OSError.

        The volts are NaN when the chip had to be set first, at the start or after it lost its power: the first
        conversion takes 8 ms (9.4.2.2), the next reading has it.
        """
        if self._word(CONFIG) & ~OS != CONTINUOUS:
            self._bus.write_i2c_block_data(self._address, CONFIG, [CONTINUOUS >> 8, CONTINUOUS & 0xFF])
            return math.nan, math.nan
        steps = self._word(CONVERSION)
        steps -= (steps & 0x8000) << 1
        return steps * LSB_V * self._divider, math.nan

    def _word(self, register: int) -> int:
        high, low = self._bus.read_i2c_block_data(self._address, register, 2)
        return high << 8 | low
