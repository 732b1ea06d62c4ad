"""A display chip alone on a bus, at any address."""
from __future__ import annotations

import errno
import os

import numpy as np

from jetracer.sim import ssd1306
from jetracer.sim.bus import VirtualBus


class Glass:
    """Stands in for a board: `bus(_spec)` opens it as core.i2c would. Counts transfers and their bytes."""

    def __init__(self, address=0x3C):
        self.address = address
        self.chip = ssd1306.Ssd1306()
        self.sizes = []
        self.answers = True
        self.patience = None
        self.users = 0
        self.power_off()

    def power_off(self):
        """Off and on again: the chip has forgotten all."""
        self.chip.load(bytes(ssd1306.Ssd1306.power_on()))

    def bus(self, _spec=None):
        self.users += 1
        return VirtualBus(self, on_close=self._closed)

    def _closed(self):
        self.users -= 1

    def transact(self, messages):
        answers = []
        for address, data, count in messages:
            if self.patience is not None:
                self.patience -= 1
            if address != self.address or not self.answers or (self.patience or 0) < 0:
                raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
            if data is not None:
                self.sizes.append(len(data))
                self.chip.write(data)
            answers.append(self.chip.read(count) if count else b"")
        return answers

    def picture(self):
        """(height, 128) bool: all that the chip drives, narrow glasses show the middle of it."""
        return np.array(ssd1306.picture(bytes(self.chip.state)), bool)
