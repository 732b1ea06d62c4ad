"""What systemd hears, on a real datagram socket."""
from __future__ import annotations

import os
import socket

import pytest

from jetracer.core.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """(a listening socket, its name as systemd gives it)."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@jetracer-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.setblocking(False)
        yield listener, name


def heard(listener):
    said = []
    while True:
        try:
            said.append(listener.recv(1000).decode())
        except BlockingIOError:
            return said


def test_ready_once_then_the_watchdog_twice_as_often_as_it_has_to_be(systemd):
    listener, name = systemd
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000", "HOME": "/"}
    notifier = Notifier(environment)
    assert environment == {"HOME": "/"}, "children must not speak for this process"
    for tenth in range(25):
        notifier.turn(100.0 + tenth / 10)
    assert heard(listener) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    notifier.status("armed")
    notifier.close()
    assert heard(listener) == ["STATUS=armed", "STOPPING=1"]
    notifier.close()
    notifier.status("nobody")
    assert heard(listener) == []


def test_without_a_watchdog_only_ready(systemd):
    listener, name = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name})
    for second in range(9):
        notifier.turn(float(second))
    assert heard(listener) == ["READY=1"]
    notifier.close()


def test_it_never_waits_and_never_fails(systemd):
    listener, name = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000"})
    for turn in range(5000):  # far more than the queue takes
        notifier.turn(float(turn))
    assert heard(listener)[0] == "READY=1"
    listener.close()
    notifier.status("nobody listens")
    notifier.close()


def test_without_systemd_nothing_is_said():
    notifier = Notifier({})
    notifier.turn(1.0)
    notifier.status("armed")
    notifier.close()
