"""The shipped units under a real systemd, with a virtual board as the car's bus; half a minute, so in `make hil`."""
from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from jetracer.sim.board import Board
from tests.safety.processes import neutral
from tests.systemd.machine import NEEDED, ROOT, TARGET, USER, Machine, kill, wait_until, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"a systemd of its own {why_not()}")

GUARD, DRIVE = "jetracer-guard.service", "jetracer.service"
# Beside what a car has: the code under test, perhaps in /tmp, a bus that is a file, and no limit to the restarts of all
# tests together.
DROP_IN = f"""[Unit]
StartLimitIntervalSec=0
[Service]
Environment=PYTHONPATH={ROOT}
BindReadOnlyPaths={' '.join(map(str, NEEDED))}
ReadWritePaths=/srv/car
"""
CAR = 'bus = "sim:/srv/car/board"\n[kit]\nbase = "simulated"\n[car]\nsettle_s = 0.02\n'
DRIVE_WITH = 'road = "null"\nteleop = "{}"\nfilm = false\n[camera]\nname = "null"\nwidth = 64\nheight = 64\n'
SCRIPT = "0.0 mode=manual deadman=on\n0.3 arm=on\n0.4 throttle=0.5 steering=0.5\n"


@pytest.fixture(scope="module")
def measured():
    """What was measured: name, seconds; printed at the end."""
    seconds = {}
    yield seconds
    print("\n" + "\n".join(f"{name:<36} {seconds[name]:6.3f} s" for name in sorted(seconds)))


def new_machine(teleop):
    machine = Machine()
    for unit in (GUARD, DRIVE):
        (machine.units / f"{unit}.d").mkdir()
        (machine.units / f"{unit}.d" / "test.conf").write_text(DROP_IN, encoding="utf-8")
    (machine.car / "car.toml").write_text(CAR, encoding="utf-8")
    (machine.car / "script").write_text(SCRIPT, encoding="utf-8")
    configure(machine, teleop)
    (machine.home / "upper/etc/jetracer").symlink_to("/srv/car")  # the owner's configuration, in reach of these tests
    return machine


def configure(machine, teleop):
    (machine.car / "drive.toml").write_text(DRIVE_WITH.format(teleop), encoding="utf-8")


def new_board(machine):
    board = Board.create(str(machine.car / "board"))
    os.chmod(machine.car / "board", 0o666)
    return board


def state(machine, unit):
    return machine.show(unit, "ActiveState")


def wait_for_words(machine, unit, words):
    """The journal is written by a process of its own."""
    wait_until(lambda: words in machine.journal(unit))


def restarts(machine, unit):
    return int(machine.show(unit, "NRestarts"))


# -- the boot


@pytest.fixture(scope="module")
def installed():
    """A machine on which the services are installed, and which is off."""
    machine = new_machine("gamepad")
    try:
        machine.boot()
        machine.jetracer("service", "install", "--user", USER)
        machine.off()
        yield machine
    finally:
        machine.close()


@pytest.fixture
def off(installed):
    """The same; afterwards it is off again, and its bus is gone."""
    yield installed
    installed.off()
    for file in installed.car.glob("board*"):
        file.unlink()


def test_it_boots_to_ready_and_never_to_moving(off, measured):
    board = new_board(off)
    start_s = time.monotonic()
    measured["boot"] = off.boot()
    wait_until(lambda: state(off, DRIVE) == "active")
    measured["boot -> ready for the pilot"] = time.monotonic() - start_s
    assert neutral(board)
    told = off.jetracer("service", "status")
    assert "jetracer-guard    runs since" in told
    assert "jetracer          runs since" in told and "in neutral, not armed" in told
    assert restarts(off, GUARD) == restarts(off, DRIVE) == 0
    ready_s = [int(off.show(unit, "ActiveEnterTimestampMonotonic")) for unit in (GUARD, DRIVE)]
    assert ready_s == sorted(ready_s), "the guard comes first"
    socket = off.run("stat", "-c", "%A %U %G", "/run/jetracer/guard.sock", "/run/jetracer")
    assert socket.split() == ["srw-rw----", USER, USER, "drwxr-x---", USER, USER]
    board.close()


def test_without_a_car_the_machine_boots_and_waits_in_words(off):
    off.boot()
    wait_until(lambda: "No virtual board" in off.show(GUARD, "StatusText"))
    assert off.show(GUARD, "ActiveState", "NRestarts") == ["activating", "0"]
    assert off.show(DRIVE, "ActiveState", "NRestarts") == ["inactive", "0"]
    assert "jetracer          waits for jetracer-guard" in off.jetracer("service", "status", check=False)
    assert state(off, TARGET) == "active", "the end of the boot does not wait for a car"
    wait_for_words(off, GUARD, "jetracer guard: waiting: No virtual board")
    board = new_board(off)  # the bus comes up late
    wait_until(lambda: state(off, DRIVE) == "active")
    assert restarts(off, GUARD) == restarts(off, DRIVE) == 0
    assert off.journal(GUARD).count("waiting: No virtual board") == 1, "said once, not at every look"
    board.close()


def test_remove_takes_away_what_install_wrote_and_the_drive_may_use_sudo_only_when_permitted(off):
    off.boot()
    board = new_board(off)
    off.jetracer("service", "install", "--user", USER, "--allow-camera-restart")
    wait_until(lambda: off.show(DRIVE, "ActiveState", "NoNewPrivileges") == ["active", "no"])
    assert "NoNewPrivs:\t0" in Path(f"/proc/{off.pids(DRIVE)[0]}/status").read_text(encoding="utf-8")
    assert "NoNewPrivs:\t1" in Path(f"/proc/{off.pids(GUARD)[0]}/status").read_text(encoding="utf-8")
    assert off.run("stat", "-c", "%a %U", "/etc/sudoers.d/jetracer").split() == ["440", "root"]
    off.jetracer("service", "remove")
    assert neutral(board)
    left = off.run("find", "/etc/systemd/system", "/etc/sudoers.d", "/run", "-name", "*jetracer*", check=False)
    drop_ins = {f"/etc/systemd/system/{unit}.d" for unit in (GUARD, DRIVE)}  # with a file of these tests
    assert {line for line in left.splitlines() if line.startswith("/")} <= drop_ins
    assert "jetracer          is not installed" in off.jetracer("service", "status", check=False)
    off.jetracer("service", "install", "--user", USER)
    board.close()


# -- a car that drives: its pilot is a script, which arms it, also after a restart, and holds the throttle


@pytest.fixture(scope="module")
def road():
    """(machine, board): installed, and on."""
    machine = new_machine("script:/srv/car/script")
    board = new_board(machine)
    try:
        machine.boot()
        machine.jetracer("service", "install", "--user", USER)
        yield machine, board
    finally:
        machine.close()
        board.close()


@pytest.fixture
def car(road):
    """(machine, board) while the car moves."""
    _machine, board = road
    wait_until(lambda: board.pulse_us(1) > 1600)
    return road


@pytest.fixture
def timed(measured, record_property):
    """Notes a time until neutral by name, for the table below and for that of all faults (make matrix)."""

    def note(name, seconds):
        measured[f"{name} -> neutral"] = seconds
        record_property("latency_s", seconds)

    return note


def neutral_after(board, act):
    """Seconds from `act()` until the registers say neutral."""
    start_s = time.monotonic()
    act()
    while not neutral(board):
        assert time.monotonic() < start_s + 5.0, "it drives on"
        time.sleep(0.0005)
    return time.monotonic() - start_s


def test_a_drive_that_hangs_is_neutral_at_once_and_started_again(car, measured, timed):
    machine, board = car
    pids, before = machine.pids(DRIVE), restarts(machine, DRIVE)
    timed("drive stopped", neutral_after(board, lambda: kill(pids, signal.SIGSTOP)))
    measured["drive stopped -> started again"] = wait_until(lambda: restarts(machine, DRIVE) > before)
    wait_for_words(machine, DRIVE, "Watchdog timeout")


def test_a_drive_that_is_killed_is_started_again(car, timed):
    machine, board = car
    pids, before = machine.pids(DRIVE), restarts(machine, DRIVE)
    timed("drive killed", neutral_after(board, lambda: kill(pids)))
    wait_until(lambda: restarts(machine, DRIVE) > before)
    wait_for_words(machine, DRIVE, "jetracer neutral: a guard is alive and has the last word.")


def test_guard_and_parent_killed_at_once_are_the_third_layers_turn(car, timed):
    machine, board = car
    pids, before = machine.pids(GUARD), restarts(machine, GUARD)
    timed("guard and parent killed", neutral_after(board, lambda: kill(pids)))
    wait_until(lambda: restarts(machine, GUARD) > before)
    wait_for_words(machine, GUARD, "jetracer neutral: car in neutral.")


def test_guard_and_parent_that_hang_together_are_the_watchdogs(car, timed):
    machine, board = car
    pids, before = machine.pids(GUARD), restarts(machine, GUARD)
    timed("guard and parent stopped", neutral_after(board, lambda: kill(pids, signal.SIGSTOP)))
    wait_until(lambda: restarts(machine, GUARD) > before)


@pytest.mark.parametrize("which", ["parent", "guard"])
def test_one_of_guard_and_parent_killed_is_the_others_turn(car, timed, which):
    machine, board = car
    pid, before = machine.pids(GUARD)[0 if which == "parent" else -1], restarts(machine, GUARD)
    timed(f"{which} killed", neutral_after(board, lambda: kill([pid])))
    wait_until(lambda: restarts(machine, GUARD) > before)


def test_stopped_by_its_owner_all_of_it_stays_stopped(car):
    machine, board = car
    machine.run("systemctl", "stop", GUARD)
    assert neutral(board)
    for unit in (GUARD, DRIVE):
        assert machine.show(unit, "ActiveState", "Result") == ["inactive", "success"]
    machine.run("systemctl", "start", "--no-block", DRIVE)  # which wants its guard


def test_a_configuration_that_makes_no_sense_is_told_and_not_tried_again(car):
    machine, _board = car
    configure(machine, "gamepda")
    before = restarts(machine, DRIVE)
    machine.run("systemctl", "restart", DRIVE, check=False)
    assert machine.show(DRIVE, "ActiveState", "ExecMainStatus") == ["failed", "2"]
    assert restarts(machine, DRIVE) in (0, before)
    wait_for_words(machine, DRIVE, "did you mean 'gamepad'")
    assert "jetracer          has failed since" in machine.jetracer("service", "status", check=False)
    configure(machine, "script:/srv/car/script")
    machine.run("systemctl", "start", "--no-block", DRIVE)


def test_real_time_is_permitted(car):
    machine, _board = car
    assert machine.show(GUARD, "LimitRTPRIO", "LimitMEMLOCK") == ["60", "infinity"]
    if not may_raise_limits():
        pytest.skip("this machine's root may not raise RLIMIT_RTPRIO (CAP_SYS_RESOURCE), so its systemd cannot either")
    assert {os.sched_getscheduler(pid) & 0xFF for pid in machine.pids(GUARD)} == {os.SCHED_FIFO}


def may_raise_limits():
    """CAP_SYS_RESOURCE, bit 24 of the capabilities of this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return bool(int(status.split("CapEff:")[1].split()[0], 16) >> 24 & 1)
