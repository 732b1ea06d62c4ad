"""A drive as a service: it waits, it tells systemd, it never arms by itself where something real can move."""
from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from jetracer.camera.base import Camera, CameraConfig
from jetracer.core.clock import FakeClock
from jetracer.core.errors import BusError, CameraEnded, CameraTimeout, ConfigError
from jetracer.core.notify import Notifier
from jetracer.core.types import MANUAL, NEUTRAL, Decision, Frame, Pilot, Scene, Step, Stop
from jetracer.drive.build import drive
from jetracer.drive.config import DriveConfig
from jetracer.drive.service import LONGEST_PAUSE_S, Herald, check_pilot, first_picture, patiently
from jetracer.safety.guard import GuardConfig
from jetracer.safety.start import start_guard
from jetracer.sim.board import Board


class Ears:
    """What systemd hears."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}
        self.all = []

    def hear(self):
        news = []
        while True:
            try:
                news.append(self._socket.recv(4000).decode())
            except BlockingIOError:
                self.all += news
                return news

    def close(self):
        self._socket.close()


@pytest.fixture
def ears(tmp_path):
    made = Ears(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def notifier(ears):
    made = Notifier(ears.environment)
    yield made
    made.close()


def step(t_s, armed=False, *stops):
    frame = Frame(np.zeros((2, 2, 3), np.uint8), t_s, 0)
    return Step(frame, Scene(t_s), Pilot(mode=MANUAL), NEUTRAL, Decision(NEUTRAL, stops, armed, t_s), t_s, {})


def test_the_turns_of_the_loop_feed_the_watchdog(ears, notifier):
    herald = Herald(notifier)
    for tenth in range(12):
        herald(step(tenth / 10))
    assert ears.hear() == ["READY=1", "STATUS=in neutral, not armed", "WATCHDOG=1"]


def test_armed_or_not_and_the_last_fault(ears, notifier):
    herald = Herald(notifier)
    too_old, not_armed = Stop("stale_frame", "CAMERA TOO OLD"), Stop("not_armed", "NOT ARMED")
    for one in (step(0.1, True), step(0.2, False, too_old, not_armed), step(0.3, False, not_armed), step(0.4, True)):
        herald(one)
    assert ears.hear() == [
        "READY=1", "STATUS=armed, manual", "STATUS=in neutral, not armed; last fault: CAMERA TOO OLD",
        "STATUS=armed, manual; last fault: CAMERA TOO OLD"]


def test_what_is_missing_is_waited_for_and_said_once(ears, notifier, caplog):
    clock, tries = FakeClock(), []

    @contextmanager
    def start():
        tries.append(clock.now_s())
        if len(tries) < 8:
            raise BusError("no bus" if len(tries) < 6 else "no chip")
        yield "parts"

    with patiently(start, notifier, clock) as parts:
        assert parts == "parts"
    assert ears.hear() == ["STATUS=waiting: no bus", "STATUS=waiting: no chip"]
    assert caplog.messages == ["waiting: no bus", "waiting: no chip"]
    pauses = np.diff(tries)
    assert list(pauses) == sorted(pauses) and pauses[-1] == LONGEST_PAUSE_S


def test_an_error_of_the_drive_itself_is_not_tried_again(notifier):
    started = []

    @contextmanager
    def start():
        started.append(1)
        yield "parts"

    with pytest.raises(BusError), patiently(start, notifier, FakeClock()):
        raise BusError("in the middle of the drive")
    assert started == [1]


class Late(Camera):
    """Its first pictures do not come."""

    def __init__(self, *errors):
        self._errors = list(errors)

    def read(self, timeout_s):
        if self._errors:
            raise self._errors.pop(0)
        return Frame(np.zeros((2, 2, 3), np.uint8), 0.0, 0)


def test_the_first_picture_is_waited_for(ears, notifier):
    first_picture(Late(CameraTimeout("no camera"), CameraTimeout("no camera")), notifier)
    assert ears.hear() == ["STATUS=waiting: no camera"]
    with pytest.raises(CameraEnded):
        first_picture(Late(CameraEnded("over")), notifier)


@pytest.mark.parametrize("teleop", ["auto", "script:lap.txt"])
def test_no_pilot_that_arms_the_car_by_itself(teleop):
    with pytest.raises(ConfigError, match=f"teleop = {teleop} arms the car by itself"):
        check_pilot(DriveConfig(teleop=teleop, bus="7"))
    check_pilot(DriveConfig(teleop=teleop, bus="sim:board"))
    check_pilot(DriveConfig(teleop="gamepad", bus="7"))


def test_it_waits_for_the_guards_service_and_never_starts_one(tmp_path, monkeypatch, ears):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    for name, value in ears.environment.items():
        monkeypatch.setenv(name, value)
    board = Board.create(f"{tmp_path}/board")
    config = DriveConfig(service=True, road="null", teleop="auto", film=False, duration_s=0.3,
                         runs=str(tmp_path / "runs"), camera=CameraConfig("null", width=64, height=64))
    summaries = []
    thread = threading.Thread(target=lambda: summaries.append(drive(config)))
    thread.start()
    while not any("waiting: No guard listens" in text for text in ears.all):
        assert thread.is_alive()
        ears.hear()
    with start_guard(f"sim:{tmp_path}/board", config=GuardConfig(realtime=False),
                     car=replace(config.car, settle_s=0.0)):
        thread.join()
    board.close()
    ears.hear()
    assert summaries[0]["ended"] == "0.3 s driven"
    assert "READY=1" in ears.all and ears.all[-1] == "STOPPING=1"
