"""The guard's process: sockets around the guard's mind."""
from __future__ import annotations

import os
import select
import signal
import socket
import sys
from typing import Callable, Dict

from jetracer.core.clock import Clock, slept_s
from jetracer.safety import protocol
from jetracer.safety.guard import GuardCore
from jetracer.safety.heartbeat import PERIOD_S, Heartbeat

CLIENTS_MAX = 16
SLEPT_S = 0.05  # more than two readings of the clocks lie apart


class GuardServer:
    """Serves clients, lets the guard's clock tick, and beats for its parent, until one of them ends it.

    A client that does not read its replies loses them; none can hold up the others or the clock.
    """

    def __init__(self, core: GuardCore, listener: socket.socket, parent: Heartbeat, clock: Clock,
                 lifeline_fd: int = -1, slept: Callable[[], float] = slept_s) -> None:
        self.ended = ""  # why, in words; empty when it was asked to
        self._core, self._parent, self._clock = core, parent, clock
        self._slept, self._slept_s = slept, slept()
        self._parent_pid = os.getppid()
        self._listener = listener
        self._clients: Dict[int, socket.socket] = {}
        self._actions: Dict[int, Callable[[int, float], None]] = {listener.fileno(): self._accept}
        self._next_s = clock.now_s()
        self._running = True
        if lifeline_fd >= 0:
            self._actions[lifeline_fd] = self._starter_gone
        self._poll = select.poll()
        for fd in self._actions:
            self._poll.register(fd, select.POLLIN)
        self._poll.register(parent.fileno(), select.POLLIN)

    def stop(self, *_signal: object) -> None:
        """End at the next turn; usable as a signal handler."""
        self._running = False

    def run(self) -> bool:
        """Serve until the end, then leave the car in neutral. False when the bus did not take that."""
        while self._running and not self._core.finished:
            self.turn()
        neutral = self._core.close()
        self.close()
        return neutral

    def close(self) -> None:
        """Hang up on everybody; the parent takes it as the end."""
        for end in [self._listener, *self._clients.values(), self._parent]:
            end.close()

    def turn(self) -> None:
        """Wait for whatever comes first, a message or the next tick, and act on it."""
        wait_s = max(0.0, self._next_s - self._clock.now_s())
        events = self._poll.poll(1000 * wait_s)
        now_s = self._clock.now_s()
        self._look_for_sleep()
        for fd, _event in events:
            action = self._actions.get(fd)
            if action is not None:
                action(fd, self._clock.now_s())
        if not self._parent.exchange(now_s):
            self._parent_lost()
        if now_s >= self._next_s:
            self._next_s = now_s + PERIOD_S
            self._core.tick(now_s)
            self._warn()

    def _look_for_sleep(self) -> None:
        before_s, self._slept_s = self._slept_s, self._slept()
        if self._slept_s - before_s > SLEPT_S:
            self._core.woke()

    def _accept(self, _fd: int, _now_s: float) -> None:
        try:
            client, _address = self._listener.accept()
        except OSError:
            return  # it went away again
        if len(self._clients) >= CLIENTS_MAX:
            client.close()
            return
        client.setblocking(False)
        self._clients[client.fileno()] = client
        self._actions[client.fileno()] = self._serve
        self._poll.register(client.fileno(), select.POLLIN)

    def _serve(self, fd: int, now_s: float) -> None:
        client = self._clients[fd]
        try:
            data = client.recv(protocol.MESSAGE_SIZE + 1)
        except OSError:
            data = b""
        if not data:
            self._drop(fd, now_s)
            return
        message = protocol.unpack_message(data)
        if message is None:
            self._core.malformed(now_s)
        else:
            self._core.handle(message, now_s, fd)
        self._answer(client, 0 if message is None else message.seq)

    def _answer(self, client: socket.socket, seq: int) -> None:
        status = self._core.status()._replace(guard_pid=os.getpid(), parent_pid=self._parent_pid)
        try:
            client.send(protocol.pack_reply(seq, status))
        except OSError:
            return  # it does not read, or is gone: the next poll tells

    def _drop(self, fd: int, now_s: float) -> None:
        self._core.gone(fd, now_s)
        self._poll.unregister(fd)
        del self._actions[fd]
        self._clients.pop(fd).close()

    def _warn(self) -> None:
        """Once when the car gets out of reach, and once when it is back: the screen is all that still works."""
        if self._core.out_of_reach != self._warned:
            self._warned = not self._warned
            state = "does not answer and the wheels may turn: SWITCH THE CAR OFF" if self._warned else "answers again"
            sys.stderr.write(f"jetracer guard: the motors' bus {state}.\n")
            sys.stderr.flush()  # before Python 3.9 a file or pipe would get it at the end

    _warned = False

    def _starter_gone(self, _fd: int, _now_s: float) -> None:
        self._running = False

    def _parent_lost(self) -> None:
        """Neutral first; then a stopped parent is ended, lest it wakes up in a world that has moved on."""
        self._running = False
        self._core.close()
        self.ended = "its parent died" if self._parent.closed else "its parent was stopped"
        if not self._parent.closed and os.getppid() == self._parent_pid:
            os.kill(self._parent_pid, signal.SIGKILL)


def serve_until_signal(server: GuardServer) -> bool:
    """Run `server` so that SIGTERM, SIGINT and SIGHUP end it in good order; what `run` says."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, server.stop)
    return server.run()
