"""Two processes that watch each other: each sends a beat every few milliseconds and listens for the other's.

A killed process closes its end, which is seen at once; a stopped one falls silent.
"""
from __future__ import annotations

import socket
from typing import Optional, Tuple

PERIOD_S = 0.01
SILENCE_S = 0.08  # a beat this late means that the other is stopped or hangs
START_S = 5.0  # granted for the first beat: buses and chips may take their time


class Heartbeat:
    """One end. Call `exchange` about every PERIOD_S; it never blocks."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.heard = False  # at least one beat
        self.closed = False  # by the other side
        self._end = end
        self._silent_s = 0.0
        self._last_s: Optional[float] = None
        self._beat_s = float("-inf")

    def fileno(self) -> int:
        return self._end.fileno()

    def close(self) -> None:
        self._end.close()

    def exchange(self, now_s: float) -> bool:
        """Send a beat when one is due and take in those that came; False when the other is gone or silent.

        Silence is counted in own time: a turn adds at most two periods, so that after a suspended machine, or
        a moment in which neither got the processor, nobody accuses the other.
        """
        if self._last_s is not None:
            self._silent_s += min(now_s - self._last_s, 2 * PERIOD_S)
        self._last_s = now_s
        if now_s - self._beat_s >= 0.9 * PERIOD_S:
            self._beat_s = now_s
            self._send()
        self._receive()
        return not self.closed and self._silent_s <= (SILENCE_S if self.heard else START_S)

    def _send(self) -> None:
        try:
            self._end.send(b"\1")
        except BlockingIOError:
            return  # the other reads nothing; its silence will tell
        except OSError:
            self.closed = True

    def _receive(self) -> None:
        try:
            while not self.closed:
                if self._end.recv(16):
                    self.heard, self._silent_s = True, 0.0
                else:
                    self.closed = True
        except BlockingIOError:
            return
        except OSError:
            self.closed = True


def heartbeat_pair() -> Tuple[Heartbeat, Heartbeat]:
    """Two connected ends, for two processes (or two tests)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Heartbeat(ours), Heartbeat(theirs)
