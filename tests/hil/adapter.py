"""An I2C adapter on a USB plug, made of software: the kernel's own i2c-tiny-usb drives it and gives /dev/i2c-N.

It is plugged in over USB/IP (kernel: Documentation/usb/usbip_protocol.rst, drivers/usb/usbip/vhci_sysfs.c); what the
adapter understands is in the kernel's drivers/i2c/busses/i2c-tiny-usb.c.
"""
from __future__ import annotations

import errno
import os
import select
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Callable, Deque, NamedTuple, Optional, Set

Transfer = Callable[[int, Optional[bytes], int], bytes]  # address, bytes to write or None, count to read

_VHCI = Path("/sys/devices/platform/vhci_hcd.0")
_PORT, _FULL_SPEED, _DEVICE_ID = 0, 2, 0x10002  # a free socket of the virtual hub; bus 1, device 2
_SUBMIT, _UNLINK, _ANSWER_SUBMIT, _ANSWER_UNLINK, _IN = 1, 2, 3, 4, 1
_HEADER = struct.Struct(">10I8s")  # command, sequence, device, direction, endpoint, five numbers, the setup packet
_SETUP = struct.Struct("<BBHHH")  # request type, request, value, index, length
# class and protocol vendor-specific, 8 bytes on endpoint 0, till.harbaum's identity 0403:c631
_DEVICE = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0110, 0xFF, 0, 0, 8, 0x0403, 0xC631, 0x0205, 0, 0, 0, 1)
_CONFIGURATION = struct.pack("<BBHBBBBB", 9, 2, 18, 1, 1, 0, 0x80, 50) + bytes((9, 4, 0, 0, 0, 0xFF, 0, 0, 0))
_DESCRIPTORS = {1: _DEVICE, 2: _CONFIGURATION}
_GET_FUNCTIONS, _GET_STATUS, _IO, _IO_LAST = 1, 3, 4, 7
_FUNCTIONS = 0x0EFF0001  # plain I2C, and SMBus made from it
_ACKNOWLEDGED, _REFUSED = 1, 2
_PRIORITY = 90  # above all that drives: wire and chips wait for nobody


class _Request(NamedTuple):
    seq: int
    incoming: bool
    length: int
    setup: bytes
    data: bytes


class Adapter:
    """`transfer` is what hangs on the wire; it raises OSError where no chip acknowledges."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._status = _ACKNOWLEDGED
        self._hang_until_s = 0.0
        self._waiting: Deque[_Request] = deque()
        self._end: Optional[socket.socket] = None
        self._thread: Optional[threading.Thread] = None

    def plug(self, within_s: float = 10.0) -> int:
        """Plug it in; the N of its /dev/i2c-N. The kernel keeps its end of the socket."""
        before = _buses()
        kernels = self.serve()
        (_VHCI / "attach").write_text(f"{_PORT} {kernels.fileno()} {_DEVICE_ID} {_FULL_SPEED}")
        kernels.close()
        until_s = time.monotonic() + within_s
        while not _buses() - before:
            if time.monotonic() > until_s:
                raise TimeoutError("The kernel made no bus of the adapter.")
            time.sleep(0.02)
        _hurry()
        return (_buses() - before).pop()

    def serve(self) -> socket.socket:
        """Begin to answer; the host's end of the wire."""
        self._end, hosts = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, args=(self._end,), name="adapter", daemon=True)
        self._thread.start()
        return hosts

    def unplug(self) -> None:
        (_VHCI / "detach").write_text(str(_PORT))
        self.close()

    def close(self) -> None:
        """After the host has hung up."""
        self._thread.join()
        self._end.close()

    def hang(self, seconds: float) -> float:
        """A chip holds the line down: nothing is transferred for so long. Returns when that ends."""
        self._hang_until_s = time.monotonic() + seconds
        return self._hang_until_s

    def _serve(self, end: socket.socket) -> None:
        with suppress(PermissionError):  # in the guest it is root
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        while True:
            hanging_s = self._hang_until_s - time.monotonic()
            if self._waiting and hanging_s <= 0.0:
                self._answer(end, self._waiting.popleft())
            elif select.select([end], [], [], hanging_s if hanging_s > 0.0 else None)[0] and not self._take(end):
                return

    def _take(self, end: socket.socket) -> bool:
        """Take in one message; False when the kernel has hung up."""
        header = _received(end, _HEADER.size)
        if not header:
            return False
        command, seq, _, direction, _, victim, length, _, _, _, setup = _HEADER.unpack(header)
        if command == _UNLINK:  # the driver gives up on an earlier request
            self._unlink(end, seq, victim)
            return True
        data = _received(end, length) if direction != _IN else b""
        self._waiting.append(_Request(seq, direction == _IN, length, setup, data))
        return True

    def _unlink(self, end: socket.socket, seq: int, victim: int) -> None:
        found = [request for request in self._waiting if request.seq == victim]
        self._waiting = deque(request for request in self._waiting if request.seq != victim)
        self._send(end, _ANSWER_UNLINK, seq, -errno.ECONNRESET if found else 0, 0)

    def _answer(self, end: socket.socket, request: _Request) -> None:
        answer = self._control(request.setup, request.data)
        if answer is None:
            self._send(end, _ANSWER_SUBMIT, request.seq, -errno.EPIPE, 0)
        elif request.incoming:
            answer = answer[: request.length]
            self._send(end, _ANSWER_SUBMIT, request.seq, 0, len(answer), answer)
        else:
            self._send(end, _ANSWER_SUBMIT, request.seq, 0, len(request.data))

    def _send(self, end: socket.socket, command: int, seq: int, status: int, count: int, data: bytes = b"") -> None:
        header = _HEADER.pack(command, seq, 0, 0, 0, status & 0xFFFFFFFF, count, 0, 0, 0, bytes(8))
        with suppress(OSError):  # unplugged in the middle of it
            end.sendall(header + data)

    def _control(self, setup: bytes, data: bytes) -> Optional[bytes]:
        """Do what a control request asks; None for what the adapter does not know."""
        kind, request, value, index, length = _SETUP.unpack(setup)
        if not kind & 0x60:  # a request that every USB device understands
            return _DESCRIPTORS.get(value >> 8) if request == 6 else bytes(2)
        if request == _GET_FUNCTIONS:
            return struct.pack("<I", _FUNCTIONS)
        if request == _GET_STATUS:
            return bytes((self._status,))
        if _IO <= request <= _IO_LAST:
            return self._io(index, data if not kind & 0x80 else None, length)
        return b""

    def _io(self, address: int, data: Optional[bytes], count: int) -> bytes:
        try:
            answer = self._transfer(address, data, 0 if data is not None else count)
        except OSError:
            self._status = _REFUSED
            return bytes(count)
        self._status = _ACKNOWLEDGED
        return answer


def _received(end: socket.socket, count: int) -> bytes:
    """So many bytes; none when the other side has hung up."""
    data = b""
    while len(data) < count:
        try:
            part = end.recv(count - len(data))
        except OSError:
            return b""
        if not part:
            return b""
        data += part
    return data


def _hurry() -> None:
    """The kernel's threads that carry USB/IP are ordinary ones; a wire does not wait until a processor is free."""
    for name in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):  # ended meanwhile
            if name.read_text().startswith(("vhci_rx", "vhci_tx")):
                os.sched_setscheduler(int(name.parent.name), os.SCHED_FIFO, os.sched_param(_PRIORITY + 1))


def _buses() -> Set[int]:
    return {int(path.name[len("i2c-"):]) for path in Path("/dev").glob("i2c-*")}
