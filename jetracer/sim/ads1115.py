"""ADS1115: an analogue-to-digital converter; a quarter of the battery's voltage is on its input AIN0.

Modelled after TI's data sheet SBAS444D: section 9.6 (registers), 9.4.2 (single-shot and continuous). A conversion
is instant. Not modelled: the comparator; AIN1 to AIN3 are at ground.
"""
from __future__ import annotations

import struct

from jetracer.sim.chip import Chip

ADDRESS = 0x48
DIVIDER = 4.0

CONVERSION, CONFIG, LOW_THRESHOLD, HIGH_THRESHOLD = range(4)
_START, _SINGLE_SHOT, _POWER_ON_CONFIG = 0x8000, 0x0100, 0x8583
_RANGE_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)  # by bits 11..9
_AIN0_SIGN = (1, 1, 0, 0, 1, 0, 0, 0)  # what bits 14..12 choose, where only AIN0 is not at ground
# state: last conversion, configuration, thresholds, pointer
_STATE = struct.Struct("<hHHHB")


class Ads1115(Chip):
    """The chip at register level. `supply` is (volts, amps) of the pack, of which it sees the volts."""

    size = _STATE.size
    supply = (0.0, 0.0)

    @classmethod
    def power_on(cls) -> bytearray:
        return bytearray(_STATE.pack(0, _POWER_ON_CONFIG, 0x8000, 0x7FFF, CONVERSION))

    def write(self, data: bytes) -> None:
        if not data:
            return
        conversion, config, low, high, _ = _STATE.unpack(self.state)
        pointer = data[0] & 0x03
        if len(data) >= 3:
            value = data[1] << 8 | data[2]
            if pointer == CONFIG:
                config = value
                if value & _SINGLE_SHOT and value & _START:
                    conversion = self._measure(config)
            elif pointer == LOW_THRESHOLD:
                low = value
            elif pointer == HIGH_THRESHOLD:
                high = value
        self._store(conversion, config, low, high, pointer)

    def read(self, count: int) -> bytes:
        conversion, config, low, high, pointer = _STATE.unpack(self.state)
        if not config & _SINGLE_SHOT:
            conversion = self._measure(config)
        self._store(conversion, config, low, high, pointer)
        idle = _START if config & _SINGLE_SHOT else 0  # a conversion is over at once, or never
        value = (conversion, config & ~_START | idle, low, high)[pointer]
        return (struct.pack(">H", value & 0xFFFF) * (count // 2 + 1))[:count]

    def _store(self, *values: int) -> None:
        for place, value in enumerate(_STATE.pack(*values)):
            self._put(place, value)

    def _measure(self, config: int) -> int:
        input_v = self.supply[0] / DIVIDER * _AIN0_SIGN[config >> 12 & 7]
        steps = round(input_v / _RANGE_V[config >> 9 & 7] * 0x8000)
        return max(-0x8000, min(0x7FFF, steps))
