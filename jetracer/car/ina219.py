"""INA219, the battery's voltage.

Section numbers: Texas Instruments SBOS448G. The reset value of the configuration register (8.6.2.1: 0x399F,
that is 32 V range, 12 bits, continuous) is what is wanted, so nothing is ever written.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jetracer.core.errors import ConfigError

BUS_VOLTAGE = 0x02  # 8.6.3.2: bits 15..3 in units of 4 mV
LSB_V = 0.004
NOTHING_CONNECTED_V = 1.0  # below it no pack is on the sensor


@dataclass(frozen=True)
class BatteryConfig:
    """Which sensor measures the pack. Kits with 3 cells have it at 0x41, with 2 cells at 0x42; 0: none."""

    address: int = 0x41

    def __post_init__(self) -> None:
        if self.address and not 0x40 <= self.address <= 0x4F:
            raise ConfigError(f"An INA219 has an address in 0x40..0x4f, not 0x{self.address:02x}.")


class Ina219:
    """The sensor at `address` of an open bus."""

    def __init__(self, bus: Any, address: int = 0x41) -> None:
        self._bus = bus
        self._address = address

    def volts(self) -> float:
        """Volts of the pack; NaN when none is connected. Raises OSError when the chip does not answer."""
        high, low = self._bus.read_i2c_block_data(self._address, BUS_VOLTAGE, 2)
        volts = ((high << 8 | low) >> 3) * LSB_V
        return volts if volts >= NOTHING_CONNECTED_V else float("nan")
