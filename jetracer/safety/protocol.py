"""What client and guard say to each other: messages of fixed size, no parsing, nothing to allocate.

Both ends run on one machine, so times are its monotonic clock. Native numbers are little-endian on every car.
"""
from __future__ import annotations

import struct
from typing import Dict, NamedTuple, Optional, Tuple

from jetracer.core.types import MODES, NEUTRAL, Command, Decision, Pilot
from jetracer.safety import reasons

MAGIC, VERSION = 0x4A52, 2  # "JR"

COMMAND, ARM, ESTOP, STATUS, RELEASE, SHUTDOWN = range(1, 7)
_KINDS = frozenset((COMMAND, ARM, ESTOP, STATUS, RELEASE, SHUTDOWN))
_DEADMAN, _ESTOP_FLAG, _ARM_FLAG = 1, 2, 4

COUNTERS = ("accepted", "late", "repeated", "not_finite", "malformed", "refused", "bus_errors", "writes")

# magic version kind seq t frame_t pilot_t steering throttle pilot_throttle confidence mode flags
_MESSAGE = struct.Struct("<HBBQdddddddBB")
# magic version armed seq t write_t steering throttle battery_v battery_a temperature_c stops latched guard parent
# cells owned counters
_REPLY = struct.Struct(f"<HBBQdddddddIIIIBB{len(COUNTERS)}Q")
MESSAGE_SIZE, REPLY_SIZE = _MESSAGE.size, _REPLY.size


class Message(NamedTuple):
    """One message to the guard. `t_s` is when it was made; of `pilot`, the steering does not travel."""

    kind: int
    seq: int
    t_s: float
    command: Command = NEUTRAL
    frame_t_s: float = float("-inf")
    pilot: Pilot = Pilot()
    confidence: float = 0.0


class Status(NamedTuple):
    """How the guard is: its newest decision and everything it has counted.

    `owned`: a program is driving; `latched`: reasons that hold the car until it is armed again;
    `write_t_s`: when the motors' registers were last written. `battery_v` and `temperature_c` are judged by,
    `battery_a` is the newest, positive while the pack is charged; NaN: not measured. `cells`: 0 without a sensor.
    """

    decision: Decision
    latched: Tuple[str, ...]
    write_t_s: float
    battery_v: float
    battery_a: float
    cells: int
    temperature_c: float
    owned: bool
    counters: Dict[str, int]
    guard_pid: int = 0
    parent_pid: int = 0

    @property
    def armed(self) -> bool:
        return self.decision.armed


def pack_message(message: Message) -> bytes:
    pilot, command = message.pilot, message.command
    flags = pilot.deadman * _DEADMAN | pilot.estop * _ESTOP_FLAG | pilot.arm * _ARM_FLAG
    return _MESSAGE.pack(
        MAGIC, VERSION, message.kind, message.seq, message.t_s, message.frame_t_s, pilot.t_s,
        command.steering, command.throttle, pilot.command.throttle, message.confidence,
        MODES.index(pilot.mode), flags,
    )  # fmt: skip


def unpack_message(data: bytes) -> Optional[Message]:
    """The message, or None when it is damaged or of another version."""
    if len(data) != MESSAGE_SIZE:
        return None
    (magic, version, kind, seq, t_s, frame_t_s, pilot_t_s, steering, throttle, stick, confidence, mode,
     flags) = _MESSAGE.unpack(data)  # fmt: skip
    if magic != MAGIC or version != VERSION or kind not in _KINDS or mode >= len(MODES):
        return None
    pilot = Pilot(Command(0.0, stick), bool(flags & _DEADMAN), bool(flags & _ESTOP_FLAG), MODES[mode],
                  pilot_t_s, bool(flags & _ARM_FLAG))
    return Message(kind, seq, t_s, Command(steering, throttle), frame_t_s, pilot, confidence)


def pack_reply(seq: int, status: Status) -> bytes:
    decision, counters = status.decision, status.counters
    latched = sum(reasons.BIT[name] for name in status.latched)
    return _REPLY.pack(
        MAGIC, VERSION, decision.armed, seq, decision.t_s, status.write_t_s, decision.command.steering,
        decision.command.throttle, status.battery_v, status.battery_a, status.temperature_c,
        reasons.bits(decision.stops), latched, status.guard_pid, status.parent_pid, status.cells, status.owned,
        *[counters[name] for name in COUNTERS],
    )  # fmt: skip


def unpack_reply(data: bytes) -> Optional[Tuple[int, Status]]:
    """(seq of the message it answers, how the guard is), or None when it is damaged or of another version."""
    if len(data) != REPLY_SIZE:
        return None
    (magic, version, armed, seq, t_s, write_t_s, steering, throttle, battery_v, battery_a, temperature_c, stops,
     latched, guard_pid, parent_pid, cells, owned, *counts) = _REPLY.unpack(data)  # fmt: skip
    if magic != MAGIC or version != VERSION:
        return None
    decision = Decision(Command(steering, throttle), reasons.stops(stops), bool(armed), t_s)
    names = tuple(stop.reason for stop in reasons.stops(latched))
    return seq, Status(decision, names, write_t_s, battery_v, battery_a, cells, temperature_c, bool(owned),
                       dict(zip(COUNTERS, counts)), guard_pid, parent_pid)
