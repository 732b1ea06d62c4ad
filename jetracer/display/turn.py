"""Whose turn it is to draw: a drive's, and only while there is none that of `jetracer display`.

The lock is the kernel's, on the bus itself, which both have to open anyway: no folder to agree on, and it ends with
its holder. It is of another kind than the guard's on the same file (flock), and neither sees the other. Beside a
virtual board it is a file of its own, since the board's file is locked for every transfer.
"""
from __future__ import annotations

import fcntl
import os
import struct
from typing import Optional

_LOCK = 37  # F_OFD_SETLK, fcntl(2): Python has the name since 3.9
_RANGE = struct.Struct("hhqqi0q")  # struct flock: kind, whence, start, length (0: all), process


class Turn:
    """On a bus by its name. `with turn as mine:` says whether it is this program's turn, without ever waiting.

    A drive's turn lasts until `close`, another's only for the block. Without a bus there is nothing to share.
    """

    def __init__(self, bus: str, drive: bool = False) -> None:
        kind, _, path = bus.partition(":")
        self._path = f"{path}.display.lock" if path else f"/dev/i2c-{kind}"
        self._flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if path else 0)
        self._drive = drive
        self._fd: Optional[int] = None

    def __enter__(self) -> bool:
        try:
            if self._fd is None:
                self._fd = os.open(self._path, self._flags, 0o600)
            kind = fcntl.F_WRLCK if self._drive else fcntl.F_RDLCK
            fcntl.fcntl(self._fd, _LOCK, _RANGE.pack(kind, os.SEEK_SET, 0, 0, 0))
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def __exit__(self, *_exc: object) -> None:
        if not self._drive:
            self.close()

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
