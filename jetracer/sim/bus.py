"""The virtual I2C bus with smbus2's call surface, so that drivers cannot tell it from `smbus2.SMBus`."""
from __future__ import annotations

import errno
import os
from typing import Any, Callable, Iterable, List, Optional

_BLOCK_MAX = 32  # SMBus blocks; i2c_rdwr has no such limit
_I2C_M_RD = 0x0001


class VirtualBus:
    """One user's handle on a board. Every call is one transfer; OSError(EREMOTEIO) when no chip answers."""

    def __init__(self, board: Any, on_close: Callable[[], None] = lambda: None) -> None:
        self._board: Optional[Any] = board
        self._on_close = on_close
        self.pec = 0

    def close(self) -> None:
        """Let go of the bus; the chips keep their registers, as real ones do."""
        if self._board is not None:
            self._board = None
            self._on_close()

    def __enter__(self) -> VirtualBus:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def write_quick(self, i2c_addr: int, force: Optional[bool] = None) -> None:
        self._transfer(i2c_addr, b"")

    def read_byte(self, i2c_addr: int, force: Optional[bool] = None) -> int:
        return self._transfer(i2c_addr, None, 1)[0]

    def write_byte(self, i2c_addr: int, value: int, force: Optional[bool] = None) -> None:
        self._transfer(i2c_addr, bytes((value & 0xFF,)))

    def read_byte_data(self, i2c_addr: int, register: int, force: Optional[bool] = None) -> int:
        return self._transfer(i2c_addr, bytes((register,)), 1)[0]

    def write_byte_data(self, i2c_addr: int, register: int, value: int, force: Optional[bool] = None) -> None:
        self._transfer(i2c_addr, bytes((register, value & 0xFF)))

    def read_word_data(self, i2c_addr: int, register: int, force: Optional[bool] = None) -> int:
        return int.from_bytes(self._transfer(i2c_addr, bytes((register,)), 2), "little")

    def write_word_data(self, i2c_addr: int, register: int, value: int, force: Optional[bool] = None) -> None:
        self._transfer(i2c_addr, bytes((register, value & 0xFF, value >> 8 & 0xFF)))

    def process_call(self, i2c_addr: int, register: int, value: int, force: Optional[bool] = None) -> int:
        sent = bytes((register, value & 0xFF, value >> 8 & 0xFF))
        return int.from_bytes(self._transfer(i2c_addr, sent, 2), "little")

    def read_i2c_block_data(
        self, i2c_addr: int, register: int, length: int, force: Optional[bool] = None
    ) -> List[int]:
        _check_length(length)
        return list(self._transfer(i2c_addr, bytes((register,)), length))

    def write_i2c_block_data(
        self, i2c_addr: int, register: int, data: Iterable[int], force: Optional[bool] = None
    ) -> None:
        data = bytes(data)
        _check_length(len(data))
        self._transfer(i2c_addr, bytes((register,)) + data)

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        """smbus2's combined transaction: the messages run back to back, no other user comes between them."""
        if self._board is None:
            raise OSError(errno.EBADF, "The virtual bus is closed")
        sent = [(m.addr, None, m.len) if m.flags & _I2C_M_RD else (m.addr, bytes(m), 0) for m in i2c_msgs]
        for message, answer in zip(i2c_msgs, self._board.transact(sent)):
            for place, value in enumerate(answer):
                message.buf[place] = value

    def _transfer(self, address: int, data: Optional[bytes], count: int = 0) -> bytes:
        if self._board is None:
            raise OSError(errno.EBADF, "The virtual bus is closed")
        return self._board.transact([(address, data, count)])[0]


def no_acknowledge() -> OSError:
    """What the kernel reports when no chip answers."""
    return OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))


def _check_length(length: int) -> None:
    if length > _BLOCK_MAX:
        raise ValueError(f"Desired block length over {_BLOCK_MAX} bytes")
