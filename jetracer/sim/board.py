"""The virtual board: PCA9685, INA219, ADS1115 and SSD1306 at register level on one I2C bus.

The simulator plugs in here: the real drivers write these registers, the simulated world reads the pulses
back from them. A board in a file is shared by processes; any of them may be stopped or killed at any time
and the others go on. Imports the standard library only, since the guard starts with it.
"""
from __future__ import annotations

import os
import struct
import time
from typing import Callable, List, Optional, Sequence, Tuple

from jetracer.core.errors import BusError
from jetracer.sim import ads1115, ina219, pca9685, ssd1306
from jetracer.sim.ads1115 import Ads1115
from jetracer.sim.bus import VirtualBus, no_acknowledge
from jetracer.sim.chip import Chip
from jetracer.sim.ina219 import Ina219
from jetracer.sim.memory import PrivateMemory, SharedFile
from jetracer.sim.pca9685 import Pca9685
from jetracer.sim.ssd1306 import Ssd1306

Message = Tuple[int, Optional[bytes], int]  # address, bytes to write or None, count to read after that

# the file: a header, then the state of the chips
_MAGIC = b"JRBOARD1"
_STAMP, _STAMP_AT = struct.Struct("<dQ"), 8  # time and count of the newest PCA9685 register write
_COUNT, _BROWN_OUTS_AT = struct.Struct("<Q"), 24
_SUPPLY, _SUPPLY_AT = struct.Struct("<dd"), 32
_NAK_AT = 128
_CHIPS_AT = {
    pca9685.ADDRESS: 256, ina219.ADDRESS: 640, ina219.ADDRESS_2S: 672, ads1115.ADDRESS: 704, ssd1306.ADDRESS: 768,
    pca9685.MOTOR_ADDRESS: 2048,
}
_ABSENT = (pca9685.MOTOR_ADDRESS, ina219.ADDRESS_2S, ads1115.ADDRESS)  # until they are fitted
_SIZE = 2560


class Board:
    """Three chips, private to this process, or shared through a file (`create`, `attach`).

    Others answer once they are fitted, `board.nak(0x60, False)`: a second PCA9685, for DC motors, at 0x60; the battery
    sensors of other boards, an INA219 at 0x42 and an ADS1115 at 0x48.

    `now_s` stamps register writes; the default is monotonic time, comparable between processes.
    """

    def __init__(self, path: Optional[str] = None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._memory = PrivateMemory(_power_on()) if path is None else _open(path)
        self._now_s = now_s
        self._chips = {address: chip() for address, chip in _FITTED.items()}
        self._pca9685 = self._chips[pca9685.ADDRESS]

    @classmethod
    def create(cls, path: str) -> Board:
        """A new board in the file `path`, just powered on; a board that was there is replaced."""
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "wb") as file:
            file.write(_power_on())
        os.replace(temporary, path)  # whoever attaches sees the whole board or none
        return cls(path)

    @classmethod
    def attach(cls, path: str) -> Board:
        """The board in the file `path`. Raises BusError when there is none."""
        return cls(path)

    def close(self) -> None:
        self._memory.close()

    def bus(self) -> VirtualBus:
        return VirtualBus(self)

    def transact(self, messages: Sequence[Message]) -> List[bytes]:
        """Run the messages as one transaction. Raises OSError(EREMOTEIO) at the first that is not
        acknowledged."""
        with self._memory.turn():
            return [self._transfer(*message) for message in messages]

    # -- what the world and the tests see of the outputs

    def pulse_us(self, channel: int) -> float:
        """The pulse on a PCA9685 output; 0.0 = no pulses."""
        return pca9685.pulse_us(self._registers(), channel)

    def outputs(self) -> List[float]:
        """The pulses of all 16 PCA9685 outputs in us."""
        return pca9685.pulses_us(self._registers())

    def motor_duties(self) -> List[float]:
        """The share of time, 0 to 1, that each of the 16 outputs of the motors' PCA9685 (0x60) is high."""
        return pca9685.duties(self._registers(pca9685.MOTOR_ADDRESS))

    @property
    def last_write_s(self) -> float:
        """When a PCA9685 register was last written (0.0 = never since the board was made)."""
        return _STAMP.unpack(self._memory.read(_STAMP_AT, _STAMP.size))[0]

    @property
    def write_count(self) -> int:
        """How many transfers have written PCA9685 registers."""
        return _STAMP.unpack(self._memory.read(_STAMP_AT, _STAMP.size))[1]

    def display(self):
        """What the SSD1306 shows: (height, 128) bool array, True = lit."""
        import numpy as np

        state = self._memory.read(_CHIPS_AT[ssd1306.ADDRESS], Ssd1306.size)
        return np.array(ssd1306.picture(state), dtype=bool)

    # -- what the world does to the board

    def set_battery(self, volts: float, amps: float) -> None:
        """What the battery's sensor measures from now on; a positive current charges the pack."""
        self._memory.write(_SUPPLY_AT, _SUPPLY.pack(volts, amps))

    def nak(self, address: int, on: bool) -> None:
        """Let the chip at a 7-bit address stop answering (a loose wire), or answer again."""
        self._memory.write(_NAK_AT + address, bytes((on,)))

    def brown_out(self) -> None:
        """The supply of the PCA9685 dips: it is back in its power-on state, asleep with all outputs off."""
        with self._memory.turn():
            self._memory.write(_CHIPS_AT[pca9685.ADDRESS], bytes(Pca9685.power_on()))
            self._memory.write(_BROWN_OUTS_AT, _COUNT.pack(self.brown_outs + 1))

    @property
    def brown_outs(self) -> int:
        return _COUNT.unpack(self._memory.read(_BROWN_OUTS_AT, _COUNT.size))[0]

    # -- inside a turn

    def _transfer(self, address: int, data: Optional[bytes], count: int) -> bytes:
        content = self._memory.read(0, _SIZE)
        chip, place = self._selected(content, address, data or b"")
        answer = b""
        if address == 0:
            self._pca9685.software_reset()  # the motors' chip is not modelled as hearing it
        else:
            if data is not None:
                chip.write(data)
            answer = chip.read(count) if count else b""
        for offset, piece in chip.changes():
            self._memory.write(place + offset, piece)
        if chip is self._pca9685 and len(data or b"") > 1:
            written = _STAMP.unpack_from(content, _STAMP_AT)[1] + 1
            self._memory.write(_STAMP_AT, _STAMP.pack(self._now_s(), written))
        return answer

    def _selected(self, content: bytes, address: int, data: bytes) -> Tuple[Chip, int]:
        """The chip that acknowledges `address`, with its state loaded, and where its state is."""
        home = address if address in self._chips else pca9685.ADDRESS
        if not 0 <= address < 128 or content[_NAK_AT + home]:
            raise no_acknowledge()
        chip, place = self._chips[home], _CHIPS_AT[home]
        chip.load(content[place : place + chip.size])
        if home != address and not self._pca9685.answers(address, data):
            raise no_acknowledge()
        if address in _SENSORS:
            chip.supply = _SUPPLY.unpack_from(content, _SUPPLY_AT)
        return chip, place

    def _registers(self, address: int = pca9685.ADDRESS) -> bytes:
        """A PCA9685's registers. Taken without a turn, so that nobody can hold up the world: a reading
        that may have caught a write half done is repeated until two agree."""
        place, newest = _CHIPS_AT[address], b""
        for _ in range(4):
            before, newest = newest, self._memory.read(place, 256)
            if newest == before:
                break
        return newest


def open_bus(path: str) -> VirtualBus:
    """The bus of the board in the file `path`: what `--bus sim:PATH` opens. Raises BusError when there is
    none."""
    board = Board.attach(path)
    return VirtualBus(board, on_close=board.close)


_FITTED = {
    pca9685.ADDRESS: Pca9685, ina219.ADDRESS: Ina219, ina219.ADDRESS_2S: Ina219, ads1115.ADDRESS: Ads1115,
    ssd1306.ADDRESS: Ssd1306, pca9685.MOTOR_ADDRESS: Pca9685,
}
_SENSORS = (ina219.ADDRESS, ina219.ADDRESS_2S, ads1115.ADDRESS)


def _power_on() -> bytes:
    content = bytearray(_SIZE)
    content[: len(_MAGIC)] = _MAGIC
    for address in _ABSENT:
        content[_NAK_AT + address] = True
    for address, chip in _FITTED.items():
        content[_CHIPS_AT[address] : _CHIPS_AT[address] + chip.size] = chip.power_on()
    return bytes(content)


def _open(path: str) -> SharedFile:
    try:
        memory = SharedFile(path)
    except OSError as error:
        raise BusError(
            f"No virtual board at {path} ({error.strerror}); start the simulator: jetracer drive --sim"
        ) from error
    if memory.read(0, _SIZE)[: len(_MAGIC)] != _MAGIC:
        memory.close()
        raise BusError(f"{path} is no virtual board; delete it and start the simulator: jetracer drive --sim")
    return memory
