"""INA219: battery voltage and current.

Modelled after TI's data sheet SBOS448G: section 8.5.1 (calibration), 8.6 (registers). Every conversion is
taken as 12 bit and instant, whatever resolution and averaging the configuration asks for.
"""
from __future__ import annotations

import struct

from jetracer.sim.chip import Chip

ADDRESS, ADDRESS_2S = 0x41, 0x42  # as the boards for 3 and for 2 cells have it
SHUNT_OHM = 0.1

CONFIG, SHUNT, BUS, POWER, CURRENT, CALIBRATION = range(6)
_RESET, _RANGE_32V, _POWER_ON_CONFIG = 0x8000, 0x2000, 0x399F
_READY, _OVERFLOW = 0x02, 0x01  # low bits of the bus voltage register
# state: configuration, calibration, last shunt reading, last bus reading (in their LSB), pointer
_STATE = struct.Struct("<HHhHB")


class Ina219(Chip):
    """The chip at register level. `supply` is (volts, amps) of the pack: positive while it is charged."""

    size = _STATE.size
    supply = (0.0, 0.0)

    @classmethod
    def power_on(cls) -> bytearray:
        return bytearray(_STATE.pack(_POWER_ON_CONFIG, 0, 0, 0, CONFIG))

    def write(self, data: bytes) -> None:
        if not data:
            return
        config, calibration, shunt, bus, _ = _STATE.unpack(self.state)
        pointer = data[0] & 0x07
        if len(data) >= 3:
            value = data[1] << 8 | data[2]
            if pointer == CONFIG and value & _RESET:
                config, calibration = _POWER_ON_CONFIG, 0
            elif pointer == CONFIG:
                config = value
                shunt, bus = self._measure(config, shunt, bus)  # triggered modes convert once, now
            elif pointer == CALIBRATION:
                calibration = value & 0xFFFE
        self._store(config, calibration, shunt, bus, pointer)

    def read(self, count: int) -> bytes:
        config, calibration, shunt, bus, pointer = _STATE.unpack(self.state)
        if config & 0x04:  # continuous modes; the others keep their last reading
            shunt, bus = self._measure(config, shunt, bus)
        self._store(config, calibration, shunt, bus, pointer)
        value = self._register(pointer, config, calibration, shunt, bus)
        return (struct.pack(">H", value & 0xFFFF) * (count // 2 + 1))[:count]

    def _store(self, *values: int) -> None:
        for place, value in enumerate(_STATE.pack(*values)):
            self._put(place, value)

    def _measure(self, config: int, shunt: int, bus: int) -> tuple:
        """The readings after one conversion: mode bit 0 asks for the shunt, bit 1 for the bus voltage."""
        volts, amps = self.supply
        if config & 0x01:
            limit = 4000 << (config >> 11 & 3)  # +-40 to +-320 mV in 10 uV
            shunt = max(-limit, min(limit, round(amps * SHUNT_OHM / 10e-6)))
        if config & 0x02:
            bus = round(max(0.0, min(volts, 32.0 if config & _RANGE_32V else 16.0)) / 4e-3)
        return shunt, bus

    @staticmethod
    def _register(pointer: int, config: int, calibration: int, shunt: int, bus: int) -> int:
        current = int(shunt * calibration / 4096)
        overflow = _OVERFLOW if abs(current) > 0x7FFF else 0
        registers = {
            CONFIG: config,
            SHUNT: shunt,
            BUS: bus << 3 | _READY | overflow,
            POWER: abs(current) * bus // 5000,
            CURRENT: current,
            CALIBRATION: calibration,
        }
        return registers.get(pointer, 0)
