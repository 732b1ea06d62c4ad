"""The bytes a virtual board lives in: private to the process, or a file that processes share.

A file is read and written with single `pread` and `pwrite` calls and not through mmap, because a process
can only be stopped or killed between system calls: each piece of a change is in the file whole or not at
all, as a transfer on a real bus is done by the kernel whether or not the process that asked for it lives
on.
"""
from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager
from typing import Iterator

# A turn takes about 20 us. A holder that does not let go for this long was stopped (SIGSTOP, a debugger)
# in the middle of it. Waiting on would let that process hold up the guard, which must be able to stop the
# car; so the others carry on without the lock. When the stopped one wakes up it may still write its own
# bytes, late, as a process stopped just before its ioctl would on a real bus.
PATIENCE_S = 0.003
_POLL_S = 0.0001


class PrivateMemory:
    """Bytes of this process alone; threads take turns."""

    def __init__(self, content: bytes) -> None:
        self._content = bytearray(content)
        self._lock = threading.RLock()

    def read(self, offset: int, count: int) -> bytes:
        return bytes(self._content[offset : offset + count])

    def write(self, offset: int, data: bytes) -> None:
        self._content[offset : offset + len(data)] = data

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._lock:
            yield

    def close(self) -> None:
        pass


class SharedFile:
    """Bytes in a file; the processes that opened it take turns by flock.

    The kernel drops a flock when its holder dies. A forked child shares its parent's lock: let each
    process open the file itself.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._threads = threading.RLock()
        self._holder_stuck = False

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self._fd, count, offset)

    def write(self, offset: int, data: bytes) -> None:
        os.pwrite(self._fd, data, offset)

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._threads:
            held = self._acquire()
            try:
                yield
            finally:
                if held and self._fd >= 0:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _acquire(self) -> bool:
        give_up_s = time.monotonic() + PATIENCE_S
        while not self._try_lock():
            if self._holder_stuck or time.monotonic() > give_up_s:
                self._holder_stuck = True  # wait for it once, not at every transfer
                return False
            time.sleep(_POLL_S)
        self._holder_stuck = False
        return True

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
