"""The guard as doctor sees it: a real one, and servers that stand for guards in trouble."""
from __future__ import annotations

import os
import socket
import stat
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from jetracer.core.types import Command
from jetracer.doctor.base import FAIL, OK, SKIP, WARN, Host
from jetracer.doctor.examine import THEMES, examine
from jetracer.doctor.service import guard, joined
from jetracer.drive.config import DriveConfig
from jetracer.safety import protocol
from jetracer.safety.guard import GuardConfig
from jetracer.safety.limits import Limits
from jetracer.sim.board import Board
from tests.safety.processes import drive, pilot, started


@pytest.fixture
def place():
    """A folder with a short name that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def host(place, **config):
    return Host(config=replace(DriveConfig(guard=GuardConfig(socket=str(place / "s"))), **config))


@contextmanager
def driving(process):
    """Somebody drives, from a thread of their own."""
    ending = threading.Event()
    with process.connect() as client:
        drive(client)

        def go_on():
            while not ending.wait(0.02):
                client.send(Command(0.5, 0.2), pilot=pilot())

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()


def test_a_guard_that_runs_is_examined_and_goes_on(place):
    board = Board.create(str(place / "board"))
    patient = GuardConfig(limits=Limits(max_pilot_age_s=5.0, command_timeout_s=1.0))
    with started(place, patient) as process, driving(process):
        found = guard(host(place))
        assert (found.status, found.detail) == (OK, f"armed, servo_esc on bus sim:{place}/board")
        themes = {name: THEMES[name] for name in ("bus", "service")}
        found = {check.name: check for theme in examine(host(place), themes).values() for check in theme}
        assert found["i2c"].status == OK, "the guard's bus is the one that a drive would use"
        assert found["pulses"].status == SKIP
        assert guard(host(place)).detail.startswith("armed"), "doctor disturbs no drive"
    board.close()
    assert guard(replace(host(place), root=place)).status == SKIP  # whatever else runs on this machine


def test_a_guard_with_another_car_than_the_one_asked_for(place):
    board = Board.create(str(place / "board"))
    with started(place):
        asked = host(place, car=replace(DriveConfig().car, steering_gain=-0.65))
        found = guard(asked)
        assert found.status == WARN
        assert "car.steering_gain" in found.detail
        assert found.fix == "jetracer stop --shutdown"
        assert joined(asked) is asked
    board.close()


@contextmanager
def server(place, answer):
    """Listens where a guard would; `answer(data)` is sent back, nothing if it is empty."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(place / "s"))
    listener.listen(4)
    closing = threading.Event()

    def serve():
        while not closing.is_set():
            client, _ = listener.accept()
            with client:
                data = client.recv(protocol.MESSAGE_SIZE + 1)
                while data:
                    reply = answer(data)
                    if reply:
                        client.send(reply)
                    data = client.recv(protocol.MESSAGE_SIZE + 1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as last:
            last.connect(str(place / "s"))
        thread.join()
        listener.close()


def test_a_guard_of_another_version(place):
    with server(place, lambda data: b"\x52\x4a\x63 whatever it says"):
        found = guard(host(place))
    assert found.status == FAIL
    assert "another version" in found.detail


def test_a_guard_that_does_not_answer(place):
    with server(place, lambda data: b""):
        found = guard(host(place))
    assert found.status == FAIL
    assert "does not answer" in found.detail


def test_a_guards_socket_of_another_user(place):
    with server(place, lambda data: b""):
        os.chmod(place / "s", 0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)  # nobody
        try:
            found = guard(host(place))
        finally:
            if root:
                os.seteuid(0)
            os.chmod(place / "s", stat.S_IRWXU)
    assert found.status == WARN
    assert "belongs to the user" in found.detail
    assert found.fix == f"sudo jetracer stop --shutdown --socket {place}/s"
