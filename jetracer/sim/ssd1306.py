"""SSD1306: the 128-pixel-wide monochrome display on the car.

Modelled after Solomon Systech's data sheet SSD1306 rev. 1.1: section 8.1.5 (I2C control byte), 8.7
(display RAM), 9 and 10 (commands). Scrolling commands are understood and ignored.
"""
from __future__ import annotations

from typing import Iterator, List, Tuple

from jetracer.sim.chip import Chip

ADDRESS = 0x3C
WIDTH, PAGES = 128, 8

_ARGUMENTS = {0x20: 1, 0x21: 2, 0x22: 2, 0x26: 6, 0x27: 6, 0x29: 5, 0x2A: 5, 0x81: 1, 0x8D: 1, 0xA3: 2,
              0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1}  # fmt: skip
_RAM = WIDTH * PAGES
# places in the state behind the display RAM
(_MODE, _COLUMN, _PAGE, _COLUMN_START, _COLUMN_END, _PAGE_START, _PAGE_END, _ON, _INVERSE, _ALL_ON,
 _MULTIPLEX, _REMAP, _COM_REVERSED, _START_LINE, _CONTRAST, _PENDING) = range(_RAM, _RAM + 16)  # fmt: skip
_HORIZONTAL, _VERTICAL, _BY_PAGE = 0, 1, 2
# commands of one byte that set one value
_SIMPLE = {0xA0: (_REMAP, 0), 0xA1: (_REMAP, 1), 0xA4: (_ALL_ON, 0), 0xA5: (_ALL_ON, 1), 0xA6: (_INVERSE, 0),
           0xA7: (_INVERSE, 1), 0xAE: (_ON, 0), 0xAF: (_ON, 1), 0xC0: (_COM_REVERSED, 0),
           0xC8: (_COM_REVERSED, 1)}  # fmt: skip


class Ssd1306(Chip):
    """The chip at byte level. `state` is the display RAM, then registers, then a command not yet complete."""

    size = _PENDING + 8  # its length, then up to 7 bytes

    @classmethod
    def power_on(cls) -> bytearray:
        state = bytearray(cls.size)
        state[_MODE], state[_COLUMN_END], state[_PAGE_END] = _BY_PAGE, WIDTH - 1, PAGES - 1
        state[_MULTIPLEX], state[_CONTRAST] = 63, 0x7F
        return state

    def changes(self) -> Iterator[Tuple[int, bytes]]:
        yield 0, bytes(self.state)

    def write(self, data: bytes) -> None:
        place = 0
        while place < len(data):
            control, place = data[place], place + 1
            end = place + 1 if control & 0x80 else len(data)  # Co: one byte, then control again
            take = self._data if control & 0x40 else self._command
            for value in data[place:end]:
                take(value)
            place = end

    def read(self, count: int) -> bytes:
        return bytes([0x00 if self.state[_ON] else 0x40]) * count

    def _data(self, value: int) -> None:
        state = self.state
        state[state[_PAGE] * WIDTH + state[_COLUMN]] = value
        if state[_MODE] == _VERTICAL:
            if self._step(_PAGE, _PAGE_START, _PAGE_END, PAGES):
                self._step(_COLUMN, _COLUMN_START, _COLUMN_END, WIDTH)
        elif state[_MODE] == _HORIZONTAL:
            if self._step(_COLUMN, _COLUMN_START, _COLUMN_END, WIDTH):
                self._step(_PAGE, _PAGE_START, _PAGE_END, PAGES)
        else:
            state[_COLUMN] = (state[_COLUMN] + 1) % WIDTH

    def _step(self, place: int, start: int, end: int, size: int) -> bool:
        """Move one address counter; True when it wrapped round to its start."""
        state = self.state
        wrapped = state[place] == state[end]
        state[place] = state[start] if wrapped else (state[place] + 1) % size
        return wrapped

    def _command(self, value: int) -> None:
        state = self.state
        length = state[_PENDING] + 1
        state[_PENDING + length] = value
        opcode = state[_PENDING + 1]
        if length < 1 + _ARGUMENTS.get(opcode, 0):
            state[_PENDING] = length
            return
        state[_PENDING] = 0
        self._execute(opcode, state[_PENDING + 2 : _PENDING + 4])

    def _execute(self, opcode: int, arguments: bytes) -> None:
        state = self.state
        if opcode in _SIMPLE:
            place, value = _SIMPLE[opcode]
            state[place] = value
        elif opcode <= 0x0F:
            state[_COLUMN] = state[_COLUMN] & 0x70 | opcode
        elif opcode <= 0x1F:
            state[_COLUMN] = state[_COLUMN] & 0x0F | (opcode & 0x07) << 4
        elif opcode == 0x20:
            state[_MODE] = arguments[0] & 0x03
        elif opcode == 0x21:
            state[_COLUMN_START], state[_COLUMN_END] = arguments[0] & 0x7F, arguments[1] & 0x7F
            state[_COLUMN] = state[_COLUMN_START]
        elif opcode == 0x22:
            state[_PAGE_START], state[_PAGE_END] = arguments[0] & 0x07, arguments[1] & 0x07
            state[_PAGE] = state[_PAGE_START]
        elif 0x40 <= opcode <= 0x7F:
            state[_START_LINE] = opcode & 0x3F
        elif 0xB0 <= opcode <= 0xB7:
            state[_PAGE] = opcode & 0x07
        elif opcode == 0x81:
            state[_CONTRAST] = arguments[0]
        elif opcode == 0xA8:
            state[_MULTIPLEX] = arguments[0] & 0x3F


def picture(state: bytes) -> List[List[bool]]:
    """What the glass shows, row by row: True = lit. The panel is mounted as on the car: C8 and A1 show
    upright."""
    height = state[_MULTIPLEX] + 1
    if not state[_ON]:
        return [[False] * WIDTH for _ in range(height)]
    return [_row(state, y, height) for y in range(height)]


def _row(state: bytes, y: int, height: int) -> List[bool]:
    line = ((y if state[_COM_REVERSED] else height - 1 - y) + state[_START_LINE]) & 0x3F
    page = state[(line >> 3) * WIDTH : (line >> 3) * WIDTH + WIDTH]
    inverse, all_on = bool(state[_INVERSE]), bool(state[_ALL_ON])
    row = [(all_on or bool(column >> (line & 7) & 1)) != inverse for column in page]
    return row if state[_REMAP] else row[::-1]
