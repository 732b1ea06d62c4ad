"""Messages survive the wire bit for bit; what is damaged or foreign is told apart."""
from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.core.types import MODES, Command, Decision, Pilot
from jetracer.safety import protocol as p
from jetracer.safety import reasons as r

ANY = st.floats(allow_nan=True, allow_infinity=True)
MESSAGES = st.builds(
    p.Message, st.sampled_from(range(1, 7)), st.integers(0, 2**64 - 1), ANY, st.builds(Command, ANY, ANY), ANY,
    st.builds(Pilot, st.builds(Command, st.just(0.0), ANY), st.booleans(), st.booleans(), st.sampled_from(MODES), ANY,
              st.booleans()), ANY,
)  # fmt: skip
STATUS = p.Status(Decision(Command(0.25, -0.5), r.stops(r.SLEW | r.ESTOP), True, 12.5), ("estop", "watchdog"), 12.25,
                  11.5, -1.25, 3, 61.5, True, {name: 2**place for place, name in enumerate(p.COUNTERS)},
                  1234, 77)  # fmt: skip


@given(MESSAGES)
def test_messages_survive(message):
    data = p.pack_message(message)
    assert len(data) == p.MESSAGE_SIZE
    assert repr(p.unpack_message(data)) == repr(message)


def test_replies_survive():
    data = p.pack_reply(2**64 - 1, STATUS)
    assert len(data) == p.REPLY_SIZE
    seq, status = p.unpack_reply(data)
    assert seq == 2**64 - 1
    assert status == STATUS
    assert status.armed is True
    assert status.owned is True
    idle = STATUS._replace(decision=Decision(), owned=False, latched=(), battery_v=math.nan, battery_a=math.nan)
    _seq, status = p.unpack_reply(p.pack_reply(0, idle))
    assert status.armed is False
    assert status.owned is False
    assert math.isnan(status.battery_v)
    assert math.isnan(status.battery_a)


def test_the_fields_lie_where_they_lie():
    """A guard and a client of one version may still be different programs: the layout is a promise."""
    pilot = Pilot(Command(0, 7.0), True, False, MODES[2], 3.0, True)
    message = p.Message(p.COMMAND, 9, 1.0, Command(4.0, 5.0), 2.0, pilot, 8.0)
    data = struct.pack("<HBBQdddddddBB", 0x4A52, 2, 1, 9, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 2, 0b101)
    assert p.pack_message(message) == data
    assert p.pack_message(message._replace(pilot=Pilot(estop=True)))[-2:] == bytes((0, 0b010))
    counters = [2**place for place in range(8)]
    data = struct.pack("<HBBQdddddddIIIIBB8Q", 0x4A52, 2, 1, 6, 12.5, 12.25, 0.25, -0.5, 11.5, -1.25, 61.5,
                       r.SLEW | r.ESTOP, r.ESTOP | r.WATCHDOG, 1234, 77, 3, 1, *counters)  # fmt: skip
    assert p.pack_reply(6, STATUS) == data
    assert (p.COMMAND, p.ARM, p.ESTOP, p.STATUS, p.RELEASE, p.SHUTDOWN) == (1, 2, 3, 4, 5, 6)
    assert p.COUNTERS == ("accepted", "late", "repeated", "not_finite", "malformed", "refused", "bus_errors", "writes")


def changed(data, place, value):
    return data[:place] + bytes((value,)) + data[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"",
        lambda data: changed(data, 0, 0),
        lambda data: changed(data, 1, 0),
        lambda data: changed(data, 2, 1),
    ],
)
def test_what_is_damaged_is_not_read(damage):
    assert p.unpack_message(damage(p.pack_message(p.Message(p.ARM, 1, 0.0)))) is None
    assert p.unpack_reply(damage(p.pack_reply(1, STATUS))) is None


@pytest.mark.parametrize(("place", "value"), [(3, 0), (3, 7), (-2, 3), (-2, 255)])
def test_unknown_kinds_and_modes_are_not_read(place, value):
    data = bytearray(p.pack_message(p.Message(p.ARM, 1, 0.0)))
    data[place] = value
    assert p.unpack_message(bytes(data)) is None


@given(st.binary(max_size=200))
def test_noise_is_not_read(data):
    assert p.unpack_message(data) is None or data[:3] == b"RJ\2"


def test_an_empty_message_says_nothing():
    message = p.Message(p.STATUS, 3, 1.0)
    assert message.command == Command()
    assert message.frame_t_s == -math.inf
    assert message.pilot == Pilot()
    assert message.confidence == 0.0
    assert STATUS._replace(guard_pid=0) == p.Status(*STATUS[:9], parent_pid=77)
    assert p.Status(*STATUS[:9]).parent_pid == 0
