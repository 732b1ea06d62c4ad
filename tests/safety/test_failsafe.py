"""The guard's parent: a real child stands in for the guard, a simulated car for the car."""
from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from jetracer.car.base import CarConfig
from jetracer.core.clock import MonotonicClock
from jetracer.core.errors import GuardError
from jetracer.core.notify import Notifier
from jetracer.core.types import Command
from jetracer.safety import failsafe
from jetracer.safety.claim import Claim
from jetracer.safety.client import GuardClient
from jetracer.safety.failsafe import MISTAKEN, NOT_STARTED, Failsafe, Report, _parent, _patiently, main
from jetracer.safety.guard import GuardConfig
from jetracer.safety.heartbeat import heartbeat_pair
from jetracer.safety.launch import Launch
from jetracer.sim.board import Board
from tests.safety.processes import started, wait_until
from tests.safety.rig import Rig

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside other tests' threads


class Child:
    """A forked process that runs `life(heartbeat)` and exits with what it returns."""

    def __init__(self, life):
        self.rig = Rig()
        self.rig.car.apply(Command(0.5, 0.5))
        ours, theirs = heartbeat_pair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            status = life(theirs)
            theirs.close()
            os._exit(status)
        theirs.close()
        self.failsafe = Failsafe(ours, self.pid, self.rig.car, MonotonicClock())
        self.ours = ours

    def run(self):
        try:
            return self.failsafe.run()
        finally:
            self.ours.close()
            with pytest.raises(ChildProcessError):  # it is gone and was waited for
                os.waitpid(self.pid, os.WNOHANG)


def beat(end, seconds):
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s and end.exchange(time.monotonic()):
        time.sleep(0.005)


def live_and_return(status):
    def life(end):
        beat(end, 0.05)
        return status

    return life


def stop_oneself(end):
    beat(end, 0.05)
    os.kill(os.getpid(), signal.SIGSTOP)
    return 0


def die(end):
    beat(end, 0.05)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hang_after_closing(end):
    beat(end, 0.05)
    end.close()
    time.sleep(60)
    return 0


def ignore_the_end(end):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    beat(end, 60)
    return 0


def end_when_asked(end):
    done = []
    signal.signal(signal.SIGTERM, lambda *_: done.append(1))
    while not done and end.exchange(time.monotonic()):
        time.sleep(0.005)
    end.close()
    return 0


@pytest.mark.parametrize("status", [0, NOT_STARTED])
def test_a_guard_that_ends_in_good_order_is_passed_on_without_a_word(status, capsys):
    child = Child(live_and_return(status))
    assert child.run() == status
    assert child.rig.neutral
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("life", "how"),
    [(live_and_return(1), "died"), (die, "died"), (hang_after_closing, "died"), (stop_oneself, "was stopped or hung")],
)
def test_a_guard_that_dies_or_is_stopped_leaves_the_car_in_neutral(life, how, capsys):
    child = Child(life)
    assert child.run() == 1
    assert child.rig.neutral
    assert capsys.readouterr().err == f"jetracer guard: the guard {how}; car in neutral.\n"


def test_a_stopped_guard_is_noticed_in_time():
    child = Child(stop_oneself)
    start_s = time.monotonic()
    child.run()
    assert time.monotonic() - start_s < 0.05 + 0.15 + 0.05


@pytest.mark.parametrize("error", [OSError(121, "Remote I/O error"), ValueError()])
def test_when_the_bus_is_gone_too_it_says_so(error, capsys):
    child = Child(die)

    def fail():
        raise error

    child.rig.car.neutral = fail
    assert child.run() == 1
    why = str(error) or "ValueError"
    assert capsys.readouterr().err == (
        f"jetracer guard: the guard died; the bus does not answer ({why}): SWITCH THE CAR OFF.\n"
    )


def test_asked_to_end_it_asks_the_guard():
    child = Child(end_when_asked)
    while not child.ours.heard:
        child.ours.exchange(time.monotonic())
    child.failsafe.ask_to_end()
    child.failsafe.ask_to_end(signal.SIGTERM, None)
    assert child.run() == 0


def test_a_guard_that_does_not_end_when_asked_is_killed(monkeypatch, capsys):
    monkeypatch.setattr(failsafe, "TERM_S", 0.05)
    child = Child(ignore_the_end)
    while not child.ours.heard:
        child.ours.exchange(time.monotonic())
    child.failsafe.ask_to_end()
    assert child.run() == 1
    assert "was stopped or hung; car in neutral" in capsys.readouterr().err


def test_a_guard_that_the_kernel_holds_is_not_waited_for(monkeypatch, capsys):
    monkeypatch.setattr(failsafe, "REAP_S", 0.01)
    child = Child(hang_after_closing)
    real = os.waitpid
    monkeypatch.setattr(failsafe.os, "waitpid", lambda _pid, _flags: (0, 0))
    assert child.failsafe.run() == 1
    monkeypatch.undo()
    real(child.pid, 0)
    child.ours.close()
    assert child.rig.neutral
    assert "the guard died" in capsys.readouterr().err


@pytest.mark.parametrize("pipe", [True, False])
def test_a_parent_without_a_bus_ends_and_with_it_the_guard(tmp_path, pipe, capsys):
    launch = Launch(f"sim:{tmp_path}/none", CarConfig(), GuardConfig(str(tmp_path / "s")))
    claim, pair = Claim(launch.guard, None), heartbeat_pair()
    read, write = os.pipe()
    assert _parent(launch, claim, pair, -1, Report(write if pipe else -1)) == NOT_STARTED
    assert claim.listener.fileno() == -1
    assert ("virtual board" in capsys.readouterr().err) is not pipe
    pair[0].close()
    claim.release()
    if not pipe:
        os.close(write)
    assert (b"BusError" in os.read(read, 1000)) is pipe
    os.close(read)


# -- reports


def test_a_report_is_one_line_and_then_closed():
    read, write = os.pipe()
    report = Report(write)
    report.ready(guard_pid=5)
    report.ready(guard_pid=6)
    report.close()
    assert os.read(read, 100) == b'{"guard_pid": 5}\n'
    assert os.read(read, 100) == b""
    os.close(read)


def test_a_report_that_was_never_made_is_closed_too():
    read, write = os.pipe()
    report = Report(write)
    report.close()
    report.close()
    assert os.read(read, 100) == b""
    os.close(read)


def test_without_a_pipe_failures_go_to_stderr(capsys):
    report = Report(-1)
    report.failed(OSError("no bus"))
    report.ready()
    report.close()
    assert capsys.readouterr().err == "jetracer guard: no bus\n"


def test_with_a_pipe_failures_go_there(capsys):
    read, write = os.pipe()
    Report(write).failed(ValueError("no bus"))
    assert json.loads(os.read(read, 100)) == {"error": "ValueError", "text": "no bus"}
    os.close(read)
    assert capsys.readouterr().err == ""


def test_options_that_make_no_sense(capsys, monkeypatch):
    assert main(["--guard.sokcet", "x"]) == MISTAKEN
    assert "did you mean 'guard.socket'" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["failsafe", "--bus"])
    assert main() == MISTAKEN
    assert "--bus needs a value" in capsys.readouterr().err
    assert main(["--kit", "nvida-jetracer"]) == MISTAKEN
    assert "did you mean 'nvidia-jetracer'" in capsys.readouterr().err


# -- as a service


def test_systemd_hears_that_it_is_ready_and_then_that_it_turns(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        child = Child(live_and_return(0))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"})
        child.failsafe = Failsafe(child.ours, child.pid, child.rig.car, MonotonicClock(), notifier)
        assert child.run() == 0
        notifier.close()
        systemd.setblocking(False)
        assert [systemd.recv(100), systemd.recv(100)] == [b"READY=1", b"WATCHDOG=1"]


@contextmanager
def waiting(tmp_path):
    """A guard that waits for its car, and the first line that it said."""
    words = ["--bus", f"sim:{tmp_path}/board", f"--guard.socket={tmp_path}/s", "--wait", "true"]
    command = [sys.executable, "-m", "jetracer.safety.failsafe", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stderr.readline()
        finally:
            process.kill()


def serves_and_ends(tmp_path, process):
    def serves():
        with suppress(GuardError), GuardClient(tmp_path / "s") as client:
            return client.status().guard_pid

    wait_until(serves)
    process.terminate()
    assert process.wait(5) == 0


@pytest.fixture
def board(tmp_path):
    made = Board.create(f"{tmp_path}/board")
    yield made
    made.close()


def test_it_waits_for_a_bus_that_comes_up_late(tmp_path, request):
    with waiting(tmp_path) as (process, said):
        assert said.startswith("jetracer guard: waiting: ") and "virtual board" in said
        request.getfixturevalue("board")
        serves_and_ends(tmp_path, process)
        assert process.stderr.read() == "", "it said it once"


def test_it_waits_for_chips_that_do_not_answer_and_says_so_once(tmp_path, board, monkeypatch, capsys):
    board.nak(0x40, True)
    looks = iter([True, True, False])
    monkeypatch.setattr(failsafe, "time", SimpleNamespace(sleep=lambda _s: board.nak(0x40, next(looks))))
    _patiently(Launch(f"sim:{tmp_path}/board", guard=GuardConfig(str(tmp_path / "s"))), Notifier({})).release()
    said = capsys.readouterr().err
    assert said.startswith(f"jetracer guard: waiting: The car's chips do not answer on bus sim:{tmp_path}/board (")
    assert said.count("\n") == 1


def test_it_waits_for_another_guard_to_end(tmp_path, board):
    with started(tmp_path) as other, waiting(tmp_path) as (process, said):
        assert "A guard is already listening" in said
        other.close()
        serves_and_ends(tmp_path, process)


def test_a_service_of_a_car_without_motors_waits_for_nothing(tmp_path):
    launch = Launch(guard=GuardConfig(str(tmp_path / "s")), car=CarConfig(name="null"))
    _patiently(launch, Notifier({})).release()
