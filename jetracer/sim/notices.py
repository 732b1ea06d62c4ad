"""Tells readers that there is a new frame, over a unix SEQPACKET socket; the frames themselves are in
shared memory.

The world never waits: a reader too slow to empty its socket loses notices, which costs it nothing, since
each notice says only that something is newer. A reader learns that the world is gone when the socket
closes.
"""
from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from typing import List

from jetracer.core.errors import CameraError, ConfigError

_NOTICE = struct.Struct("<Qd")  # seq, t_s
_BACKLOG = 16
_MOST_DRAINED = 64  # notices read in one go: what a full socket holds, about


class Notifier:
    """The world's end. The socket file appears only when readers can connect to it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._readers: List[socket.socket] = []
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        temporary = f"{path}.{os.getpid()}"
        try:
            self._server.bind(temporary)
        except OSError as error:
            self._server.close()
            raise ConfigError(
                f"Cannot make the socket {path} ({error}); choose a writable folder with a shorter path."
            ) from error
        self._server.listen(_BACKLOG)
        os.replace(temporary, path)

    def notify(self, seq: int, t_s: float) -> None:
        self._accept()
        notice = _NOTICE.pack(seq, t_s)
        for reader in tuple(self._readers):
            try:
                reader.send(notice)
            except BlockingIOError:
                pass  # slow reader: it has notices enough to wake up on
            except OSError:
                self._readers.remove(reader)
                reader.close()

    def close(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        for connection in (self._server, *self._readers):
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                reader, _ = self._server.accept()
            except BlockingIOError:
                return
            reader.setblocking(False)
            self._readers.append(reader)


class Listener:
    """A reader's end. Raises CameraError when no world listens at `path`."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise CameraError(
                f"No simulated world at {path} ({error.strerror}); start one with: jetracer drive --sim"
            ) from error

    def wait(self, timeout_s: float) -> bool:
        """True when at least one notice came. Raises CameraError when the world is gone."""
        give_up_s = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while True:
            left_s = give_up_s - time.monotonic()
            if not poll.poll(max(0.0, left_s * 1000.0)):
                return False
            if self._drain():
                return True

    def close(self) -> None:
        self._socket.close()

    def _drain(self) -> bool:
        came = False
        for _ in range(_MOST_DRAINED):
            try:
                notice = self._socket.recv(_NOTICE.size)
            except BlockingIOError:
                return came
            except OSError:
                notice = b""
            if not notice:
                raise CameraError("The simulated world has gone; start it again with: jetracer drive --sim")
            came = True
        return came
