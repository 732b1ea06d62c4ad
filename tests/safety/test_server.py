"""The sockets around the guard's mind, turn by turn in this process."""
from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from jetracer.core.errors import GuardError, GuardLost
from jetracer.core.types import AUTOMATIC, NEUTRAL, Command, Pilot
from jetracer.safety import protocol, server
from jetracer.safety.client import GuardClient
from jetracer.safety.heartbeat import heartbeat_pair
from jetracer.safety.server import CLIENTS_MAX, GuardServer, serve_until_signal
from tests.safety.rig import Rig, names


class Served(Rig):
    """A guard behind a real socket; `turn` lets it serve. The clock is the rig's."""

    def __init__(self, path, lifeline=-1):
        super().__init__(settle_s=0)
        self.slept_s = 100.0
        self.path = str(path / "guard.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self.path)
        listener.listen(8)
        self.parent, theirs = heartbeat_pair()
        self.ends = [listener, self.parent, theirs]
        self.server = GuardServer(self.core, listener, theirs, self.clock, lifeline, lambda: self.slept_s)

    def finish(self):
        self.server.close()
        for end in self.ends:
            end.close()

    def turn(self, dt_s=0.01, times=1):
        for _ in range(times):
            self.clock.advance(dt_s)
            self.parent.exchange(self.clock.now_s())
            self.server.turn()

    def connected(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ends.append(client)
        client.connect(self.path)
        client.settimeout(1.0)
        self.turn()
        return client

    def ask(self, client, kind=protocol.STATUS, seq=1, command=NEUTRAL, arm=False, data=None):
        now_s = self.clock.now_s()
        pilot = Pilot(NEUTRAL, True, False, AUTOMATIC, now_s, arm)
        message = protocol.Message(kind, seq, now_s, command, now_s, pilot, 1.0)
        client.send(protocol.pack_message(message) if data is None else data)
        self.turn()
        return protocol.unpack_reply(client.recv(1000))


@pytest.fixture
def served(tmp_path):
    rig = Served(tmp_path)
    yield rig
    rig.finish()


def test_a_client_arms_and_drives_over_the_socket(served):
    client = served.connected()
    served.ask(client, protocol.COMMAND, 1)
    seq, status = served.ask(client, protocol.COMMAND, 2, arm=True)
    assert seq == 2
    assert status.armed
    for seq in range(3, 20):
        _, status = served.ask(client, protocol.COMMAND, seq, Command(0.2, 0.1))
    assert status.decision.command == Command(0.2, 0.1)
    assert status.guard_pid == os.getpid()
    assert status.parent_pid == os.getppid()
    assert not served.neutral


def test_time_passes_without_messages(served):
    client = served.connected()
    served.ask(client, protocol.COMMAND, 1)
    served.ask(client, protocol.COMMAND, 2, arm=True)
    served.ask(client, protocol.COMMAND, 3, Command(0.2, 0.1))
    assert not served.neutral
    served.turn(times=12)
    assert served.neutral


def test_a_machine_that_slept_wakes_up_in_neutral(served):
    """Monotonic time stands still meanwhile: to all who read it nothing has happened."""
    served.slept_s += 60.0
    served.turn()
    assert served.core.status().latched == (), "it did not drive"
    served.arm()
    served.slept_s += 0.01  # two readings of the clocks lie a little apart
    served.turn(0.0)
    assert not served.neutral
    served.slept_s += 60.0
    served.turn(0.0)
    served.send()
    assert served.neutral
    assert served.core.status().latched == ("watchdog",)


def test_ticks_come_every_period_however_often_it_turns(served):
    ticks = []
    served.core.tick = ticks.append
    served.turn(0.001, 100)
    assert 9 <= len(ticks) <= 11


def test_a_client_that_disconnects_while_driving_stops_the_car(served):
    client = served.connected()
    served.ask(client, protocol.COMMAND, 1)
    served.ask(client, protocol.COMMAND, 2, arm=True)
    served.ask(client, protocol.COMMAND, 3, Command(0.2, 0.1))
    client.close()
    served.turn(0.0)
    assert served.neutral
    assert served.core.status().latched == ("watchdog",)
    assert not served.core.status().owned
    other = served.connected()  # gets the same descriptor number, and is a stranger all the same
    _, status = served.ask(other)
    assert status.latched == ("watchdog",)


@pytest.mark.parametrize("data", [b"x", b"x" * protocol.MESSAGE_SIZE, b"x" * (protocol.MESSAGE_SIZE + 50)])
def test_noise_is_counted_and_answered(served, data):
    client = served.connected()
    seq, status = served.ask(client, data=data)
    assert seq == 0
    assert "malformed" in names(status.decision)
    assert status.counters["malformed"] == 1
    assert served.ask(client, seq=7)[0] == 7


def test_who_does_not_read_loses_replies_and_holds_nobody_up(served):
    deaf, client = served.connected(), served.connected()
    data = protocol.pack_message(protocol.Message(protocol.STATUS, 1, 0.0))
    deaf.setblocking(False)
    for _ in range(3000):
        try:
            deaf.send(data)
        except BlockingIOError:
            break
        served.turn(0.0001)
    assert served.ask(client, seq=9)[0] == 9


def test_a_reply_to_a_client_that_is_gone_is_lost(served):
    client = served.connected()
    client.send(protocol.pack_message(protocol.Message(protocol.STATUS, 1, 0.0)))
    client.close()
    served.turn(times=2)
    assert served.ask(served.connected(), seq=2)[0] == 2


def test_a_broken_connection_is_a_disconnected_one(served):
    client = served.connected()
    fd = max(served.server._clients)
    served.server._clients[fd].shutdown(socket.SHUT_RDWR)
    served.turn()
    assert served.server._clients == {}
    assert client.recv(10) == b""


def test_an_error_while_reading_disconnects(served):
    class Broken:
        def recv(self, _size):
            raise ConnectionResetError

        def close(self):
            served.closed = True

    served.connected()
    fd = max(served.server._clients)
    served.ends.append(served.server._clients[fd])
    served.server._clients[fd] = Broken()
    served.server._serve(fd, 0.0)
    assert served.closed


def test_no_more_clients_than_the_limit(served):
    clients = [served.connected() for _ in range(CLIENTS_MAX)]
    late = served.connected()
    assert late.recv(10) == b""
    assert served.ask(clients[0], seq=3)[0] == 3


def test_a_client_that_went_away_before_it_was_let_in(served):
    served.server._listener.setblocking(False)
    served.server._accept(0, 0.0)
    assert served.server._clients == {}


def test_an_event_of_a_descriptor_dropped_in_the_same_turn_is_passed_over(served):
    served.connected()
    fd = max(served.server._clients)
    del served.server._actions[fd]
    served.ends[-1].close()
    served.turn()


def test_the_end_of_whoever_started_it_ends_it(tmp_path):
    read, write = os.pipe()
    rig = Served(tmp_path, lifeline=read)
    rig.arm()
    rig.turn()
    os.close(write)
    assert rig.server.run() is True
    assert rig.neutral
    assert rig.server.ended == ""
    os.close(read)
    rig.finish()


def test_shutdown_by_message_ends_it(served):
    client = served.connected()
    served.ask(client, protocol.SHUTDOWN)
    assert served.server.run() is True
    assert client.recv(10) == b""
    with pytest.raises(OSError):
        served.connected()


def test_stop_ends_it_and_says_when_the_bus_is_gone(served):
    served.arm()
    served.server.stop()
    served.board.nak(0x40, True)
    assert served.server.run() is False


@pytest.mark.parametrize(
    ("gone", "ours", "killed", "text"),
    [(True, True, [], "its parent died"), (False, True, [(4711, signal.SIGKILL)], "its parent was stopped"),
     (False, False, [], "its parent was stopped")],
)  # fmt: skip
def test_a_lost_parent_ends_it_in_neutral(served, monkeypatch, gone, ours, killed, text):
    kills = []
    monkeypatch.setattr(server.os, "kill", lambda *arguments: kills.append(arguments))
    monkeypatch.setattr(server.os, "getppid", lambda: 4711 if ours else 1)
    served.server._parent_pid = 4711
    served.turn(times=3)
    served.arm()
    assert not served.neutral
    if gone:
        served.parent.close()
    turns = 0
    while not served.server.ended:
        assert turns < 10
        turns += 1
        served.clock.advance(0.01)
        served.server.turn()
    assert served.neutral
    assert served.server.ended == text
    assert kills == killed
    assert turns == (1 if gone else 7)  # the pause of arming counted for two of the eight
    assert served.server.run() is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_in_good_order(served, number):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    served.arm()
    served.core.tick = lambda _now_s: os.kill(os.getpid(), number)
    served.clock.advance(1.0)
    try:
        assert serve_until_signal(served.server) is True
    finally:
        for changed, handler in before.items():
            signal.signal(changed, handler)
    assert served.neutral


# -- the client's side


@pytest.fixture
def running(tmp_path):
    """A server in a thread, on a rig whose clock stands still."""
    rig = Served(tmp_path)
    rig.parent.exchange(0.0)
    thread = threading.Thread(target=rig.server.run)
    thread.start()
    yield rig
    rig.server.stop()
    thread.join()
    rig.finish()


def test_the_client_speaks_the_guards_verbs(running):
    client = GuardClient(running.path, clock=running.clock)
    with client:
        client.open()  # twice does no harm
        assert names(client.arm())[-1] == "not_armed"
        assert client.send(NEUTRAL).armed is False
        assert client.status().owned
        assert "estop" in names(client.estop())
        assert client.status().latched == ("estop",)
        assert not client.release().armed
        assert client.send(NEUTRAL, 1.0, Pilot(), 0.5).armed is False
    assert not running.core.status().owned
    client.close()  # twice does no harm
    with pytest.raises(GuardLost, match="Not connected"):
        client.send(NEUTRAL)


def test_replies_given_up_on_are_passed_over(running):
    client = GuardClient(running.path, clock=running.clock)
    client.open()
    client._socket.send(protocol.pack_message(protocol.Message(protocol.STATUS, 99, 0.0)))
    client._seq = 99
    assert client.status().counters["accepted"] == 0
    assert client._seq == 100
    client.close()


def test_shutdown_by_the_client(running):
    client = GuardClient(running.path, clock=running.clock)
    client.open()
    assert not client.shutdown().armed
    with pytest.raises(GuardLost, match=r"has ended, the car is in neutral. Run again: jetracer drive"):
        while True:
            client.status()
    client.close()


def test_it_says_once_that_the_car_is_out_of_reach_and_once_that_it_is_back(served, capsys):
    served.arm()
    served.board.nak(0x40, True)
    served.turn(0.02, 20)
    assert capsys.readouterr().err == (
        "jetracer guard: the motors' bus does not answer and the wheels may turn: SWITCH THE CAR OFF.\n")
    served.board.nak(0x40, False)
    served.turn(0.02, 20)
    assert served.neutral
    assert capsys.readouterr().err == "jetracer guard: the motors' bus answers again.\n"


def listening(tmp_path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(tmp_path / "guard.sock"))
    listener.listen(1)
    return listener


def test_a_guard_that_does_not_answer_is_lost(tmp_path):
    with listening(tmp_path):
        client = GuardClient(tmp_path / "guard.sock", timeout_s=0.02)
        client.open()
        with pytest.raises(GuardLost, match=r"does not answer; its parent stops the car.*SWITCH THE CAR OFF\. Run"):
            client.status()
        client.open()
        client.close()  # the guard is silent, but closing is for ever


def test_a_guard_that_hangs_up_is_lost(tmp_path):
    with listening(tmp_path) as listener:
        client = GuardClient(tmp_path / "guard.sock")
        client.open()
        other, _ = listener.accept()
        other.shutdown(socket.SHUT_WR)
        with pytest.raises(GuardLost, match="has ended"):
            client.status()
        other.close()


def test_a_guard_of_another_version(tmp_path):
    with listening(tmp_path) as listener:
        client = GuardClient(tmp_path / "guard.sock")
        client.open()
        other, _ = listener.accept()
        other.send(b"hello")
        with pytest.raises(GuardError, match="another version"):
            client.status()
        other.close()
        client.close()


def test_no_guard_at_all(tmp_path):
    client = GuardClient(tmp_path / "guard.sock")
    with pytest.raises(GuardError, match=r"No guard listens on .*guard.sock .*jetracer drive"):
        client.open()
    client.close()


def test_no_permission_on_the_socket(tmp_path, monkeypatch):
    def refuse(_self, _path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(GuardError, match=r"No permission on the guard's socket .*group_access"):
        GuardClient(tmp_path / "guard.sock").open()
