"""How the other programs talk to the guard: the same four verbs to its process, or to one inside a test.

`send` several times a second; a guard that hears nothing for `command_timeout_s` stops the car.
"""
from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Optional, Union

from jetracer.car.base import Car
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.device import Device
from jetracer.core.errors import GuardError, GuardLost
from jetracer.core.types import Command, Decision, Pilot
from jetracer.safety import protocol
from jetracer.safety.gate import SafetyGate
from jetracer.safety.guard import GuardCore
from jetracer.safety.limits import Limits
from jetracer.safety.protocol import Message, Status

TIMEOUT_S = 0.25  # for a reply; the guard needs well under a millisecond
_NOBODY = Pilot()


class Guard(Device):
    """The guard as its clients see it. Each verb returns the Decision that then held."""

    def send(self, command: Command, frame_t_s: float = -math.inf, pilot: Pilot = _NOBODY,
             confidence: float = 0.0) -> Decision:
        """Ask for `command`, made from the frame taken at `frame_t_s`, for `pilot`; what was really sent.

        With `pilot.arm`, which counts as pressed once it has been False since the last stop, the car is armed
        when nothing speaks against it. Raises GuardLost.
        """
        return self._exchange(protocol.COMMAND, command, frame_t_s, pilot, confidence).decision

    def arm(self) -> Decision:
        """The arming gesture, while commands flow; `armed` says whether it worked, `stops` why not."""
        return self._exchange(protocol.ARM).decision

    def estop(self) -> Decision:
        """Stop now and stay stopped; anybody may."""
        return self._exchange(protocol.ESTOP).decision

    def release(self) -> Decision:
        """Stop driving: neutral, disarmed, and another program may take over."""
        return self._exchange(protocol.RELEASE).decision

    def shutdown(self) -> Decision:
        """Neutral, and end the guard's process; anybody may."""
        return self._exchange(protocol.SHUTDOWN).decision

    def status(self) -> Status:
        """All that the guard knows and has counted."""
        return self._exchange(protocol.STATUS)

    def _exchange(self, kind: int, *content) -> Status:
        raise NotImplementedError


class GuardClient(Guard):
    """A connection to a guard's process."""

    def __init__(self, socket_path: Union[str, Path], timeout_s: float = TIMEOUT_S,
                 clock: Optional[Clock] = None) -> None:
        self._path, self._timeout_s = str(socket_path), timeout_s
        self._clock = clock or MonotonicClock()
        self._socket: Optional[socket.socket] = None
        self._seq = 0

    def open(self) -> None:
        """Connect. Raises GuardError when no guard listens or it may not be reached."""
        if self._socket is not None:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise self._no_guard(error) from error
        connection.settimeout(self._timeout_s)
        self._socket = connection

    def close(self) -> None:
        """Leave the car in neutral and disconnect."""
        if self._socket is None:
            return
        try:
            self.release()
        except GuardLost:
            return  # then the car is in neutral anyway
        self._disconnect()

    def _exchange(self, kind: int, *content) -> Status:
        if self._socket is None:
            raise GuardLost("Not connected to the guard; start again: jetracer drive.")
        self._seq += 1
        try:
            self._socket.send(protocol.pack_message(Message(kind, self._seq, self._clock.now_s(), *content)))
            return self._reply(self._socket)
        except GuardError:
            self._disconnect()
            raise
        except OSError as error:
            self._disconnect()
            raise GuardLost(f"The guard on {self._path} {_what(error)} Run again: jetracer drive") from error

    def _reply(self, connection: socket.socket) -> Status:
        """The answer to the newest message; answers to older ones, given up on, are passed over."""
        while True:
            data = connection.recv(protocol.REPLY_SIZE + 1)
            if not data:
                raise ConnectionResetError
            answer = protocol.unpack_reply(data)
            if answer is None:
                raise GuardError("The guard is of another version; end it with: jetracer stop")
            if answer[0] == self._seq:
                return answer[1]

    def _disconnect(self) -> None:
        connection, self._socket = self._socket, None
        connection.close()

    def _no_guard(self, error: OSError) -> GuardError:
        if isinstance(error, PermissionError):
            return GuardError(
                f"No permission on the guard's socket {self._path}; it belongs to whoever started the guard. "
                "Use the same user, or start it with --guard.group_access true."
            )
        return GuardError(
            f"No guard listens on {self._path} ({error.strerror}); start one with: jetracer drive."
        )


class LocalGuard(Guard):
    """The guard's mind in this process, for tests and for evaluation faster than real time.

    There is no second process to stop the car when this one dies: never for a real car.
    """

    def __init__(self, car: Car, limits: Optional[Limits] = None, clock: Optional[Clock] = None,
                 battery=None, computer=None) -> None:
        self._clock = clock or MonotonicClock()
        self.core = GuardCore(car, SafetyGate(limits or Limits()), self._clock, battery, computer)
        self._seq = 0

    def open(self) -> None:
        self.core.open()

    def close(self) -> None:
        self.core.close()

    def tick(self) -> Decision:
        """Let the guard judge ages anew; its process does so every 10 ms."""
        return self.core.tick(self._clock.now_s())

    def send(self, command: Command, frame_t_s: float = -math.inf, pilot: Pilot = _NOBODY,
             confidence: float = 0.0) -> Decision:
        self._seq += 1
        now_s = self._clock.now_s()
        return self.core.handle(
            Message(protocol.COMMAND, self._seq, now_s, command, frame_t_s, pilot, confidence), now_s
        )

    def _exchange(self, kind: int, *content) -> Status:
        self._seq += 1
        now_s = self._clock.now_s()
        self.core.handle(Message(kind, self._seq, now_s, *content), now_s)
        return self.core.status()


def _what(error: OSError) -> str:
    """How the guard was lost, and where that leaves the car. Its parent needs the bus to stop the car."""
    if isinstance(error, socket.timeout):
        return "does not answer; its parent stops the car. If the wheels turn, the bus hangs: SWITCH THE CAR OFF."
    return "has ended, the car is in neutral."
