"""The guard as real processes: start, drive, end, and every way not to start."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jetracer.car.base import CarConfig
from jetracer.core.config import override
from jetracer.core.errors import BusError, ConfigError, GuardError, GuardTaken
from jetracer.core.types import NEUTRAL, Command
from jetracer.safety import start
from jetracer.safety.failsafe import Report
from jetracer.safety.guard import GuardConfig
from jetracer.safety.launch import Launch, arguments, from_arguments
from jetracer.safety.limits import Limits
from jetracer.safety.start import GuardHandle, join_guard, join_or_start_guard, start_guard
from jetracer.sim.board import Board
from tests.safety.processes import CONFIG, QUICK, drive, gone, neutral, pilot, started, wait_until


@pytest.fixture
def board(tmp_path):
    made = Board.create(str(tmp_path / "board"))
    yield made
    made.close()


def test_start_drive_and_close(tmp_path, board):
    board.set_battery(11.9, 1.0)
    with started(tmp_path) as guard, guard.connect() as client:
        assert neutral(board)
        assert guard.running
        assert guard.realtime is False
        decision = drive(client)
        assert decision.armed
        assert board.pulse_us(0) == pytest.approx(1750, abs=2.5)
        assert board.pulse_us(1) == pytest.approx(1600, abs=2.5)
        status = client.status()
        assert (status.guard_pid, status.parent_pid) == (guard.guard_pid, guard.parent_pid)
        assert status.battery_v == pytest.approx(11.9, abs=0.01)
        assert status.write_t_s == pytest.approx(board.last_write_s, abs=0.005)
    assert neutral(board)
    assert not guard.running
    assert gone(guard.guard_pid)
    assert sorted(os.listdir(tmp_path)) == ["board", "board.lock", "s.lock"]
    guard.close()  # twice does no harm


def test_it_ends_with_whoever_started_it(tmp_path, board):
    program = [sys.executable, "-m", "tests.safety.processes", str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        pids = process.stdout.readline().split()
        process.kill()
    wait_until(lambda: all(gone(pid) for pid in pids))
    assert neutral(board)


@pytest.mark.parametrize("who", ["guard_pid", "parent_pid"])
def test_a_signal_to_either_ends_both_in_good_order(tmp_path, board, who, capfd):
    with started(tmp_path) as guard:
        client = guard.connect()
        drive(client)
        os.kill(getattr(guard, who), signal.SIGTERM)
        wait_until(lambda: not guard.running)
        assert neutral(board)
        client.close()
    assert gone(guard.guard_pid)
    assert capfd.readouterr().err == ""


def test_when_the_bus_is_gone_at_the_end_it_says_so(tmp_path, board, capfd):
    with started(tmp_path) as guard:
        board.nak(0x40, True)
        wait_until(lambda: guard.running)
    assert "asked to end; the bus does not answer" in capfd.readouterr().err


def test_realtime_is_asked_for_and_reported(tmp_path, board):
    with started(tmp_path, GuardConfig()) as guard:
        granted = {os.sched_getscheduler(pid) & 0xFF for pid in (guard.guard_pid, guard.parent_pid)}
        assert granted == ({os.SCHED_FIFO} if guard.realtime else {os.SCHED_OTHER})


def test_a_car_without_motors_needs_no_bus(tmp_path):
    with start_guard("77", tmp_path / "s", CONFIG, CarConfig(name="null")) as guard, guard.connect() as client:
        assert drive(client).command == Command(0.5, 0.2)


def test_a_guard_without_a_battery_sensor(tmp_path, board):
    config = override(CONFIG, ["--battery.sensor=none"])
    with started(tmp_path, config) as guard, guard.connect() as client:
        assert str(client.status().battery_v) == "nan"


# -- a guard that runs already


def test_a_running_guard_is_joined_and_stays(tmp_path, board):
    car = replace(QUICK, steering_gain=-0.5)
    asked = Launch(f"sim:{tmp_path}/board", QUICK, replace(CONFIG, socket=str(tmp_path / "s")))
    with started(tmp_path, car=car) as first:
        with join_or_start_guard(asked) as joined, joined.connect() as client:
            assert not joined.ours
            assert joined.launch.car == car
            assert drive(client).armed
        assert first.running
        assert join_guard(first.socket_path).launch.bus == f"sim:{tmp_path}/board"
    with pytest.raises(GuardError, match="No guard listens"):
        join_guard(first.socket_path)
    with join_or_start_guard(asked) as own:
        assert own.ours
        assert own.launch.car == QUICK


def test_a_guard_on_our_bus_that_listens_elsewhere_cannot_be_joined(tmp_path, board):
    elsewhere = Launch(f"sim:{tmp_path}/board", QUICK, replace(CONFIG, socket=str(tmp_path / "other")))
    with started(tmp_path), pytest.raises(GuardTaken, match="Another guard already drives"):
        join_or_start_guard(elsewhere)


def test_what_is_wanted_on_purpose_the_running_guard_must_have():
    handle = GuardHandle(Path("s"), Launch("7", CarConfig(steering_channel=2), GuardConfig("s", realtime=False)))
    handle.require(Launch())  # nothing is asked for
    handle.require(Launch("7"))
    handle.require(Launch("7", guard=GuardConfig("t", group_access=True), ready_fd=5))
    with pytest.raises(GuardTaken) as caught:
        handle.require(Launch("8", CarConfig(steering_channel=3), GuardConfig(limits=Limits(max_throttle=0.3))))
    assert str(caught.value) == (
        "The guard that runs on s keeps what it was started with: bus = 7 (not 8), car.steering_channel = 2 (not 3), "
        "guard.limits.max_throttle = 1.0 (not 0.3). Leave these options out, end it with: jetracer stop --shutdown, "
        "or choose another with --guard.socket PATH."
    )


def test_a_second_simulated_car_is_told_of_the_first():
    with pytest.raises(GuardTaken, match="Another simulated car drives already"):
        GuardHandle(Path("s"), Launch("sim:a")).require(Launch("sim:b"))


def test_the_computers_sensors_are_watched_where_the_car_is_real_or_it_is_asked_for(tmp_path, board):
    zone = tmp_path / "sys" / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("93500\n")
    with started(tmp_path) as guard, guard.connect() as client:
        drive(client)
        assert str(client.status().temperature_c) == "nan"
    config = override(CONFIG, [f"--root={tmp_path}"])
    with started(tmp_path, config) as guard, guard.connect() as client:
        wait_until(lambda: client.status().temperature_c == 93.5)
        client.send(NEUTRAL, pilot=pilot())
        decision = client.send(NEUTRAL, pilot=pilot(arm=True))
        assert not decision.armed
        assert decision.stops[0].reason == "hot_stop"


# -- every way not to start


def test_a_living_guard_is_named(tmp_path, board):
    with started(tmp_path), pytest.raises(GuardTaken, match=r"jetracer stop, or choose another with --guard.socket"):
        started(tmp_path)
    with started(tmp_path):  # and afterwards the place is free
        pass


def test_a_bus_that_is_not_there(tmp_path):
    with pytest.raises(BusError, match="virtual board"):
        started(tmp_path)
    with pytest.raises(BusError, match="/dev/i2c-250 does not exist"):
        start_guard(250, tmp_path / "s", CONFIG)
    with pytest.raises(ConfigError, match="is no I2C bus"):
        start_guard("one", tmp_path / "s", CONFIG)
    assert not (tmp_path / "s").exists()


def test_a_chip_that_is_not_there(tmp_path, board):
    board.nak(0x40, True)
    with pytest.raises(BusError, match="PCA9685 at 0x40 does not answer"):
        started(tmp_path)


def test_a_place_where_no_socket_can_be(tmp_path, board):
    with pytest.raises(GuardError, match="No such file or directory"):
        start_guard(f"sim:{tmp_path}/board", tmp_path / "missing" / "s", CONFIG)


def test_a_car_of_no_known_name(tmp_path, board):
    with pytest.raises(LookupError, match="servo_esc"):
        started(tmp_path, car=CarConfig(name="servo"))


def test_a_guard_that_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "READY_S", 0.05)
    read, write = os.pipe()
    with pytest.raises(GuardError, match="not ready within 0 s"):
        start._facts(read)
    os.write(write, b"half a line")
    os.close(write)
    assert start._line(read) == b"half a line"
    with pytest.raises(GuardError, match="ended before it was ready"):
        start._facts(read)
    os.close(read)


def test_the_first_is_heard_when_guard_and_parent_both_report():
    read, write = os.pipe()
    for text in ("first", "second"):
        os.write(write, json.dumps({"error": "BusError", "text": text}).encode() + b"\n")
    with pytest.raises(BusError, match="first"):
        start._facts(read)
    os.close(read)
    Report(write).failed(BusError("nobody listens any more"))


def test_errors_of_any_name_are_raised():
    read, write = os.pipe()
    os.write(write, json.dumps({"error": "Nothing", "text": "why"}).encode() + b"\n")
    os.close(write)
    with pytest.raises(GuardError, match="why"):
        start._facts(read)
    os.close(read)


def test_a_parent_that_does_not_end_is_killed(tmp_path, board, monkeypatch, capfd):
    monkeypatch.setattr(start, "END_S", 0.05)
    guard = started(tmp_path)
    os.kill(guard.guard_pid, signal.SIGSTOP)
    os.kill(guard.parent_pid, signal.SIGSTOP)
    guard.close()
    assert not guard.running
    os.kill(guard.guard_pid, signal.SIGCONT)
    wait_until(lambda: gone(guard.guard_pid))
    assert neutral(board)
    capfd.readouterr()


# -- the command line in between


def test_a_configuration_survives_the_command_line():
    launch = Launch("sim:a b/board", CarConfig(steering_gain=-0.65), CONFIG, 5, 6)
    assert from_arguments(arguments(launch)) == launch
    assert "--guard.limits.max_pilot_age_s=5.0" in arguments(launch)


def test_a_kit_on_the_command_line_says_bus_car_and_guard(tmp_path):
    kit = tmp_path / "car.toml"
    kit.write_text('bus = "7"\n[kit]\nbase = "donkey"\n[guard.limits]\nmax_throttle = 0.5\n', encoding="utf-8")
    launch = from_arguments(["--kit", str(kit), "--guard.limits.max_throttle", "0.25"])
    assert (launch.bus, launch.car.frequency_hz, launch.guard.limits.max_throttle) == ("7", 60.0, 0.25)
