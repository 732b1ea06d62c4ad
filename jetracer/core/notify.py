"""What a service tells systemd: that it is ready, how it is, and that it still turns.

The whole protocol is a datagram of KEY=VALUE lines to the socket that systemd names (sd_notify(3),
sd_watchdog_enabled(3)): too little for the drive loop and the guard to load a package for.
"""
from __future__ import annotations

import math
import os
import socket
from typing import MutableMapping, Optional


class Notifier:
    """Says nothing where no systemd asked for it. Never waits: the loop is more important than what is told of it."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")  # taken away: children are no concern of systemd's
        limit_us = environment.pop("WATCHDOG_USEC", "")
        self._every_s = int(limit_us) / 2e6 if limit_us else math.inf  # twice as often as it has to be
        self._last_s = -math.inf
        self._socket: Optional[socket.socket] = None
        if address:
            self._address = "\0" + address[1:] if address.startswith("@") else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def turn(self, now_s: float) -> None:
        """Call it from every turn of the loop itself, so that a loop that hangs is noticed; the first says READY."""
        if now_s - self._last_s >= self._every_s:
            self._send("WATCHDOG=1" if self._last_s > -math.inf else "READY=1")
            self._last_s = now_s

    def status(self, text: str) -> None:
        """One line for people: systemctl status."""
        self._send(f"STATUS={text}")

    def _send(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(text.encode("utf-8"), self._address)
        except OSError:  # its queue is full, or nobody listens
            return

    def close(self) -> None:
        """The loop has ended; what is left to do takes its time and is not watched."""
        if self._socket is not None:
            self._send("STOPPING=1")
            self._socket.close()
            self._socket = None
