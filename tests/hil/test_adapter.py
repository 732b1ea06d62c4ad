"""The adapter as the kernel speaks to it over USB/IP, without a kernel."""
from __future__ import annotations

import errno
import struct
import time

import pytest

from jetracer.car.pca9685 import Pca9685
from tests.hil.adapter import Adapter
from tests.hil.wire import Wire

HEADER, SETUP = struct.Struct(">5IiI12x8s"), struct.Struct("<BBHHH")
OUT, IN = 0x41, 0xC1  # vendor requests to the interface
WRITE, STATUS, BEGIN_END = 7, 3, 7


class Host:
    """The other end: sends control requests, reads the answers."""

    def __init__(self):
        self.wire = Wire()
        self.adapter = Adapter(self.wire.transfer)
        self._end = self.adapter.serve()
        self._end.settimeout(5.0)
        self._seq = 0

    def close(self):
        self._end.close()
        self.adapter.close()

    def send(self, kind, request, value=0, index=0, length=0, data=b""):
        self._seq += 1
        setup = SETUP.pack(kind, request, value, index, length or len(data))
        self._end.sendall(struct.pack(">10I8s", 1, self._seq, 0x10002, kind >> 7, 0, 0, length or len(data), 0, 0, 0,
                                      setup) + data)  # fmt: skip
        return self._seq

    def unlink(self, seq):
        self._seq += 1
        self._end.sendall(struct.pack(">10I8s", 2, self._seq, 0x10002, 0, 0, seq, 0, 0, 0, 0, b""))
        return self._seq

    def answer(self):
        command, seq, _, _, _, status, count, _ = HEADER.unpack(self._end.recv(48))
        return command, seq, status, count

    def ask(self, *request, **more):
        self.send(*request, **more)
        _, _, status, count = self.answer()
        return status, self._end.recv(count) if request[0] & 0x80 and count else count

    def write_byte_data(self, address, register, value):
        assert self.ask(OUT, WRITE, 0, address, data=bytes((register, value))) == (0, 2)
        return self.ask(IN, STATUS, length=1)[1]


@pytest.fixture
def host():
    host = Host()
    yield host
    host.close()


def test_it_says_what_it_is(host):
    status, device = host.ask(0x80, 6, 0x0100, length=18)
    assert (status, device[8:12]) == (0, b"\x03\x04\x31\xc6")
    assert host.ask(0x80, 6, 0x0300, length=4) == (-errno.EPIPE, 0)  # it has no texts
    assert host.ask(IN, 1, length=4) == (0, struct.pack("<I", 0x0EFF0001))


def test_bytes_reach_the_chip_and_come_back(host):
    assert host.write_byte_data(0x40, 0x00, 0x21) == b"\1"
    host.ask(OUT, WRITE, 0, 0x40, data=b"\0")
    assert host.ask(IN, BEGIN_END, 1, 0x40, length=1) == (0, b"\x21")


def test_an_address_without_a_chip_is_refused(host):
    assert host.write_byte_data(0x55, 0, 0) == b"\2"


def test_a_bus_that_hangs_answers_late_and_a_request_can_be_taken_back(host):
    end_s = host.adapter.hang(0.2)
    first = host.send(OUT, WRITE, 0, 0x40, data=b"\x00\x21")
    second = host.send(OUT, WRITE, 0, 0x40, data=b"\x00\x31")
    third = host.unlink(first)
    assert host.answer() == (4, third, -errno.ECONNRESET, 0)
    assert time.monotonic() < end_s
    assert host.answer() == (3, second, 0, 2)
    assert time.monotonic() >= end_s
    assert [entry.data for entry in host.wire.since(0.0)] == [b"\x00\x31"]


def test_the_wire_knows_when_the_registers_became_neutral_for_good():
    wire = Wire()
    chip = Pca9685(wire.board.bus())
    chip.start()

    def write(steps):
        channels = b"".join(struct.pack("<HH", 0, steps) for _ in range(2))
        wire.transfer(0x40, b"\x06" + channels, 0)

    start_s = time.monotonic()
    for steps in (307, 350, 307):
        write(steps)
    assert wire.neutral_after(start_s) == wire.since(start_s)[-1].t_s - start_s
    write(350)
    with pytest.raises(TimeoutError, match="not on the wire within"):
        wire.neutral_after(time.monotonic(), within_s=0.01)


def test_one_write_of_the_outputs_is_refused_and_the_next_taken():
    wire = Wire()
    wire.refuse(1)
    block = b"\x06" + bytes(8)
    with pytest.raises(OSError, match="Remote I/O"):
        wire.transfer(0x40, block, 0)
    wire.transfer(0x40, block, 0)
    assert [entry.taken for entry in wire.since(0.0)] == [False, True]
    assert wire.since(0.0)[0].wire_s == pytest.approx(92 / 400e3)
