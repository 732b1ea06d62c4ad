"""SSD1306, the small monochrome display that most kits carry.

Section numbers: Solomon Systech SSD1306 rev. 1.1. The motors hang on the same two wires, so nothing here holds the bus
for long: a transfer is at most 34 bytes (3.1 ms at 100 kHz, a whole picture of 1024 bytes in one would be 93 ms), and
only columns that changed are written.
"""
from __future__ import annotations

import math
from typing import Any, Optional, Tuple

import numpy as np

from jetracer.core.clock import Clock
from jetracer.core.errors import BusError
from jetracer.core.i2c import AUTO, open_bus
from jetracer.display.base import SIZES, Display, DisplayConfig

SIZE_AT = {0x3C: "128x32", 0x3D: "64x48"}  # as the kits have them
COMMAND, DATA = 0x00, 0x40  # 8.1.5.2: what the bytes of a transfer are
CHUNK = 32  # bytes of data in a transfer, the most that SMBus allows
RENEW_S = 5.0  # the chip forgets all when its supply dips, and says nothing
ON = 0xAF


class Ssd1306(Display):
    """On a bus handle of its own. The picture stays on the glass when closed."""

    def __init__(self, config: Optional[DisplayConfig] = None, bus: str = AUTO, clock: Optional[Clock] = None) -> None:
        super().__init__(config, bus, clock)
        self._bus: Optional[Any] = None
        self._forget()

    def open(self) -> None:
        """Raises BusError when no display answers, or there is no such bus."""
        if self._bus is not None:
            return
        bus = open_bus(self.bus_name)
        try:
            self._address = self._found(bus)
        except OSError:
            bus.close()
            raise
        self._bus, self._size = bus, SIZES[self._config.size or SIZE_AT[self._address]]

    def close(self) -> None:
        bus, self._bus = self._bus, None
        self._forget()
        if bus is not None:
            bus.close()

    @property
    def size(self) -> Tuple[int, int]:
        return self._size

    def show(self, image: np.ndarray) -> None:
        """Write what changed; now and then all of it. Raises OSError when the chip does not answer."""
        width, height = self._size
        pages = np.packbits(image.reshape(height // 8, 8, width), axis=1, bitorder="little")[:, 0]
        now_s = self._clock.now_s()
        anew = now_s - self._renewed_s >= RENEW_S
        if anew:
            self._forget()
            self._command(*_setup(height))
        shown, self._shown = self._shown, None  # unknown, should one of the writes fail
        for page, row in enumerate(pages):
            changed = np.arange(width) if shown is None else np.flatnonzero(row != shown[page])
            if len(changed):
                self._write(page, int(changed[0]), row[changed[0] : changed[-1] + 1])
        if anew:
            self._command(ON)
            self._renewed_s = now_s
        self._shown = pages

    def _forget(self) -> None:
        self._shown: Optional[np.ndarray] = None
        self._renewed_s = -math.inf

    def _found(self, bus: Any) -> int:
        addresses = [self._config.address] if self._config.address else list(SIZE_AT)
        for address in addresses:
            try:
                bus.read_byte(address)
            except OSError:
                continue
            return address
        places = " or ".join(f"0x{address:02x}" for address in addresses)
        raise BusError(f"No display answers at {places} of bus {self.bus_name}; check its plug, or do without.")

    def _write(self, page: int, column: int, row: np.ndarray) -> None:
        """Put bytes of 8 pixels, the uppermost lowest, into a page from a column on."""
        column += (128 - self._size[0]) // 2  # a narrow glass shows the middle columns
        self._command(0x21, column, column + len(row) - 1, 0x22, page, page)  # 10.1.4, 10.1.5
        for start in range(0, len(row), CHUNK):
            self._bus.write_i2c_block_data(self._address, DATA, row[start : start + CHUNK].tolist())

    def _command(self, *codes: int) -> None:
        self._bus.write_i2c_block_data(self._address, COMMAND, list(codes))


def _setup(height: int) -> Tuple[int, ...]:
    """Sections 9 and 10, and the charge pump of the application note; may be sent while the display is on."""
    return (
        0xD5, 0x80, 0xA8, height - 1, 0xD3, 0x00, 0x40,  # clock; lines of the glass; no offset; first line 0
        0x8D, 0x14, 0x20, 0x00,  # charge pump on; addresses run along the rows
        0xA1, 0xC8, 0xDA, 0x02 if height == 32 else 0x12,  # as mounted: upright; how the lines are wired
        0x81, 0x8F, 0xD9, 0xF1, 0xDB, 0x40, 0xA4, 0xA6,  # contrast; precharge; level; show the memory, not inverted
    )  # fmt: skip
