"""NVIDIA's race car: its pulses, and a stop whatever becomes of the notebook. With real guards on virtual boards."""
from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import traitlets
from traitlets.config import Config

import jetracer
from jetracer.car.base import CarConfig
from jetracer.core.errors import BusError, ConfigError, GuardError, GuardLost, UnknownName
from jetracer.core.runtime import guard_socket
from jetracer.nvidia_racecar import NvidiaRacecar, _stop_all
from jetracer.racecar import Racecar
from jetracer.safety.client import GuardClient
from jetracer.safety.guard import GuardConfig
from jetracer.safety.start import start_guard
from jetracer.sim.board import Board

STEP_US = 4.88
# no waiting for slew limits and motor controllers: what is asked for is there at once
QUICK = """
[kit]
base = "nvidia-jetracer"
[car]
settle_s = 0.0
[guard]
realtime = false
[guard.limits]
steering_per_s = 1e9
throttle_per_s = 1e9
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("JETRACER_BUS", f"sim:{tmp_path}/board")
    (tmp_path / "quick.toml").write_text(QUICK, encoding="utf-8")
    monkeypatch.setenv("JETRACER_KIT", str(tmp_path / "quick.toml"))


@pytest.fixture
def board(tmp_path):
    board = Board.create(str(tmp_path / "board"))
    yield board
    board.close()


@pytest.fixture
def car(board):
    with NvidiaRacecar() as car:
        yield car


def pulses(board):
    return board.pulse_us(0), board.pulse_us(1)


def neutral(board):
    return pulses(board) == pytest.approx((1500, 1500), abs=STEP_US / 2)


def wait_until(condition, within_s=5.0):
    """Seconds until it holds."""
    start_s = time.monotonic()
    while not condition():
        assert time.monotonic() < start_s + within_s, "did not happen"
        time.sleep(0.001)
    return time.monotonic() - start_s


def published_steps(value):
    """Of a continuous servo in the published driver: 16-bit duty at 50 Hz from 750 to 2250 us, then 12 bits."""
    shortest = int(750 * 50 / 1e6 * 0xFFFF)
    span = int(2250 * 50 / 1e6 * 0xFFFF - shortest)
    return (shortest + int((value + 1) / 2 * span) + 1) >> 4


# -- the two numbers


def test_the_plain_racecar():
    car = jetracer.Racecar()
    assert type(car) is Racecar
    assert (car.steering, car.throttle) == (0.0, 0.0)
    car.steering, car.throttle = 1.5, -7
    assert (car.steering, car.throttle) == (1.0, -1.0)
    car.steering = np.float32(0.25)
    assert car.steering == 0.25
    assert Racecar(steering=0.5).steering == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_what_is_not_a_number_is_refused(bad):
    car = Racecar(steering=0.5)
    with pytest.raises(traitlets.TraitError, match=r"steering = .* is not a number to drive by; check the model"):
        car.steering = bad
    assert car.steering == 0.5


# -- pulses


def test_nvidias_names_and_defaults(car):
    assert (car.i2c_address, car.steering_channel, car.throttle_channel) == (0x40, 0, 1)
    assert (car.steering_gain, car.steering_offset, car.throttle_gain) == (-0.65, 0.0, 0.8)
    assert car.throttle_offset == 0.0
    assert car.kit.title == "NVIDIA JetRacer on a Tamiya TT02"
    assert isinstance(car, Racecar)


def test_the_published_formula_to_the_step(board, car):
    rng = random.Random(4)
    for turn in range(300):
        steering, throttle = rng.uniform(-1.2, 1.2), rng.uniform(-1.2, 1.2)
        if turn % 20 == 0:
            car.steering_gain, car.throttle_gain = rng.uniform(-1, 1), rng.uniform(-1, 1)
            car.steering_offset = rng.uniform(-0.3, 0.3)
        car.steering, car.throttle = steering, throttle
        for channel, value in (
            (0, max(-1.0, min(1.0, steering)) * car.steering_gain + car.steering_offset),
            (1, max(-1.0, min(1.0, throttle)) * car.throttle_gain),
        ):
            value = max(-1.0, min(1.0, value))  # noqa: PLW2901 (where the published driver raises ValueError)
            assert board.pulse_us(channel) == pytest.approx(1500 + 750 * value, abs=4.9)
            assert abs(board.pulse_us(channel) / STEP_US - published_steps(value)) <= 1.001


def test_the_defaults_to_the_pulse(board, car):
    car.steering, car.throttle = 1.0, 1.0
    assert pulses(board) == pytest.approx((1500 - 487.5, 2100), abs=STEP_US / 2)
    car.steering, car.throttle = -1.0, -0.5
    assert pulses(board) == pytest.approx((1500 + 487.5, 1200), abs=STEP_US / 2)


def test_gains_and_offsets_act_at_once(board, car):
    car.steering, car.throttle = 0.4, 0.2
    car.steering_gain, car.throttle_gain = 1.0, 0.5
    assert pulses(board) == pytest.approx((1800, 1575), abs=STEP_US / 2)
    car.steering_offset, car.throttle_offset = -0.2, 0.1
    assert pulses(board) == pytest.approx((1650, 1650), abs=STEP_US / 2)
    car.steering_offset = 0.9
    assert board.pulse_us(0) == pytest.approx(2250, abs=STEP_US / 2)
    with pytest.raises(traitlets.TraitError, match="steering_gain = nan"):
        car.steering_gain = math.nan


def test_throttle_0_is_neutral_whatever_the_offset(board, car):
    car.throttle_offset = 0.4
    assert neutral(board)
    car.throttle = 0.1
    assert board.pulse_us(1) == pytest.approx(1500 + 750 * 0.48, abs=STEP_US / 2)
    car.throttle = 0.0
    assert neutral(board)


def test_the_kits_range_has_the_last_word(board, tmp_path):
    kit = tmp_path / "narrow.toml"
    kit.write_text(QUICK.replace("settle_s", "steering_max_us = 1800.0\nsettle_s"), encoding="utf-8")
    with NvidiaRacecar(kit=str(kit), steering_gain=1.0) as car:
        car.steering = 1.0
        assert board.pulse_us(0) == pytest.approx(1800, abs=STEP_US / 2)


def test_constructor_options_of_every_branch(board):
    with NvidiaRacecar(steering_gain=0.5, steering_offset=0.1, throttle_gain=0.4, throttle_offset=0.02,
                       steering_channel=4, throttle_channel=5, steering=0.2) as car:
        assert board.pulse_us(4) == pytest.approx(1500 + 750 * 0.2, abs=STEP_US / 2)
        car.throttle = 0.5
        assert board.pulse_us(5) == pytest.approx(1500 + 750 * 0.22, abs=STEP_US / 2)
    with pytest.raises(UnknownName, match="did you mean 'steering_gain'"):
        NvidiaRacecar(steering_gian=0.5)
    with pytest.raises(ConfigError, match=r"must start at 0, not 0\.3"):
        NvidiaRacecar(throttle=0.3)


def test_other_channels_leave_the_old_ones_in_neutral(board, car):
    car.throttle, car.steering = 0.3, 0.3
    car.throttle_channel = 3
    assert neutral(board)
    assert car.throttle == 0.0
    car.throttle = 0.2
    assert board.pulse_us(3) == pytest.approx(1620, abs=STEP_US / 2)
    with pytest.raises(traitlets.TraitError, match="two different channels"):
        car.steering_channel = 3
    assert car.steering_channel == 0
    with pytest.raises(BusError, match="0x43 does not answer"):
        car.i2c_address = 0x43
    with pytest.raises(GuardError, match="was closed"):
        car.throttle = 0.1


def test_a_kit_with_dc_motors(board, tmp_path):
    board.nak(0x60, False)
    kit = tmp_path / "motors.toml"
    kit.write_text(QUICK.replace("nvidia-jetracer", "waveshare-ai"), encoding="utf-8")
    with NvidiaRacecar(kit=str(kit)) as car:
        car.throttle = -0.5
        assert board.motor_duties()[:8] == pytest.approx([0.4, 0, 1, 0.4, 0, 1, 0, 0.4], abs=1e-3)
    assert not any(board.motor_duties())


def test_the_ai_kit_is_recognised_and_the_rest_is_nvidias(board, tmp_path, monkeypatch):
    monkeypatch.delenv("JETRACER_KIT")
    board.nak(0x60, False)
    with NvidiaRacecar() as car:
        assert car.kit.name == "waveshare-ai"
        board.nak(0x60, True)
        assert car.throttle_gain == 0.8
    with NvidiaRacecar() as car:
        assert car.kit.name == "nvidia-jetracer"
    with pytest.raises(BusError, match="No virtual board at"):
        NvidiaRacecar(bus=f"sim:{tmp_path}/nowhere")


def test_a_widget_that_fails_does_not_keep_the_car_from_stopping(board, car, caplog):
    def broken(change):
        raise RuntimeError("no such slider")

    car.throttle = 0.3
    car.observe(broken, "throttle")
    _stop_all()
    assert neutral(board)
    assert "no such slider" in caplog.text


# -- widgets


class Slider(traitlets.HasTraits):
    value = traitlets.Float(0.0)


def test_sliders_are_linked_both_ways(board, car):
    steering, throttle, gain = Slider(), Slider(), Slider(value=-0.7)
    links = [
        traitlets.dlink((steering, "value"), (car, "steering"), transform=lambda x: -x),
        traitlets.link((throttle, "value"), (car, "throttle")),
        traitlets.link((gain, "value"), (car, "steering_gain")),
    ]
    steering.value, throttle.value = 0.5, 0.2
    assert pulses(board) == pytest.approx((1500 + 750 * 0.35, 1620), abs=STEP_US / 2)
    gain.value = 1.0
    assert board.pulse_us(0) == pytest.approx(1125, abs=STEP_US / 2)
    car.stop()
    assert throttle.value == 0.0
    for link in links:
        link.unlink()


# -- neutral at the beginning and at the end


def test_neutral_and_explicit_at_construction(board):
    bus = board.bus()
    for register, value in ((0x00, 0x30), (0xFE, 121), (0x00, 0x20), (0x0C, 0x80), (0x0D, 0x01)):
        bus.write_byte_data(0x40, register, value)  # a dead program left the motor running
    assert board.pulse_us(1) > 1800
    with NvidiaRacecar() as car:
        assert neutral(board)
        car.throttle = 0.5
        assert not neutral(board)
    assert neutral(board)
    assert not guard_socket().exists()
    car.close()
    car.throttle = 0.0
    with pytest.raises(GuardError, match="was closed"):
        car.throttle = 0.1
    with pytest.raises(GuardError, match="was closed"):
        car.arm()


def test_no_chip_no_car(board):
    board.nak(0x40, True)
    with pytest.raises(BusError, match="0x40 does not answer"):
        NvidiaRacecar()
    assert not guard_socket().exists()


def test_at_rest_the_wheels_are_straight_as_trimmed(board, car):
    car.steering_offset, car.throttle = 0.1, 0.3
    for stop in (car.stop, car.arm):
        stop()
        assert pulses(board) == pytest.approx((1575, 1500), abs=STEP_US / 2)


def test_the_cell_that_makes_the_car_may_be_run_again(board, car):
    car.throttle = 0.3
    with NvidiaRacecar() as second:
        assert neutral(board)
        second.throttle = 0.2
        assert board.pulse_us(1) == pytest.approx(1620, abs=STEP_US / 2)
        with pytest.raises(GuardError, match="was closed"):
            car.steering = 0.1


@pytest.fixture
def program(tmp_path, board):
    """Starts a program of tests/notebook_programs.py, once it drives; it is ended afterwards."""
    running = []

    def start(how):
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.notebook_programs", how, str(tmp_path / "board")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout.readline() == "driving\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_killed_kernel_stops_the_car(board, program, number, record_property):
    process = program("killed")
    assert board.pulse_us(1) == pytest.approx(1680, abs=STEP_US / 2)
    os.kill(process.pid, number)
    took_s = wait_until(lambda: neutral(board))
    record_property("latency_s", took_s)
    assert took_s < 0.15


def test_a_program_that_ends_or_forgets_its_car_stops_it(board, program):
    process = program("exit")
    assert process.wait(5) == 0
    assert neutral(board)
    process = program("forget")
    assert process.stdout.readline() == "forgotten\n"
    wait_until(lambda: neutral(board))
    assert process.poll() is None


def test_a_thread_that_dies_of_an_error_stops_the_car(board, program):
    process = program("thread")
    assert process.stdout.readline() == "throttle 0.0\n"
    assert neutral(board)


def test_the_end_of_a_forked_child_does_not(board, program):
    process = program("fork")
    assert process.stdout.readline() == "throttle 0.3\n"
    assert board.pulse_us(1) == pytest.approx(1680, abs=STEP_US / 2)


# -- cells


class Shell:
    """What IPython offers: a hook after every cell."""

    def __init__(self):
        self.hooks = []
        self.events = self

    def register(self, event, hook):
        assert event == "post_run_cell"
        self.hooks.append(hook)

    def run_cell(self, cell):
        result = types.SimpleNamespace(error_before_exec=None, error_in_exec=None)
        try:
            cell()
        except BaseException as error:  # as IPython does, of an interrupt too
            result.error_in_exec = error
        for hook in self.hooks:
            hook(result)


@pytest.fixture
def shell(monkeypatch):
    shell = Shell()
    module = types.ModuleType("IPython")
    module.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", module)
    return shell


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_or_interrupted_cell_stops_the_car(board, shell, error):
    def drive(then=None):
        car.steering, car.throttle = 0.2, 0.3
        if then is not None:
            raise then

    with NvidiaRacecar() as car:
        assert len(shell.hooks) == 1
        shell.run_cell(drive)
        assert not neutral(board)
        shell.run_cell(lambda: drive(error))
        assert neutral(board)
        assert (car.steering, car.throttle) == (0.0, 0.0)
        shell.run_cell(drive)  # and no ceremony to go on
        assert not neutral(board)


def test_in_a_real_ipython(board, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    interactive = pytest.importorskip("IPython.core.interactiveshell", reason="pip install ipython").InteractiveShell
    shell = interactive.instance(config=Config({"HistoryManager": {"enabled": False}}))
    with NvidiaRacecar() as car:
        shell.user_ns["car"] = car
        shell.run_cell("car.throttle = 0.3")
        assert not neutral(board)
        shell.run_cell("1 / 0")
        assert neutral(board)
    interactive.clear_instance()


def test_a_value_that_is_not_a_number_stops_the_car(board, car):
    car.throttle, car.steering = 0.3, 0.2
    with pytest.raises(traitlets.TraitError):
        car.steering = math.nan
    assert neutral(board)
    assert (car.steering, car.throttle) == (0.0, 0.0)


def test_deadman_wants_a_sign_of_life(board, car):
    car.deadman_s = 0.2
    car.throttle = 0.3
    for _ in range(8):
        time.sleep(0.05)
        car.throttle = 0.3  # unchanged, but somebody is there
    assert not neutral(board)
    assert wait_until(lambda: car.throttle == 0.0) < 0.4
    assert neutral(board)
    car.deadman_s = None
    car.throttle = 0.3
    time.sleep(0.3)
    assert not neutral(board)
    with pytest.raises(traitlets.TraitError, match="above 0"):
        car.deadman_s = 0.0


# -- the guard


def test_an_emergency_stop_is_said_and_wants_arm(board, car):
    car.throttle = 0.3
    with GuardClient(guard_socket()) as other:
        other.estop()
    wait_until(lambda: car.throttle == 0.0)
    assert neutral(board)
    with pytest.raises(GuardError, match=r"emergency stop.*car\.arm\(\)"):
        car.throttle = 0.2
    car.stop()
    car.arm()
    car.throttle = 0.2
    assert board.pulse_us(1) == pytest.approx(1620, abs=STEP_US / 2)


def test_a_guard_that_is_killed_is_said(board, car):
    car.throttle = 0.3
    with GuardClient(guard_socket()) as other:
        pid = other.status().guard_pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: neutral(board) and car.throttle == 0.0)
    with pytest.raises(GuardLost, match="make a new"):
        car.throttle = 0.2


def test_a_running_guard_keeps_its_car_and_the_pulses_are_the_same(board, tmp_path):
    wired = CarConfig(steering_gain=-0.5, steering_offset=0.05, throttle_gain=0.9, settle_s=0.0,
                      steering_channel=2, throttle_channel=6, steering_min_us=800, steering_max_us=2200)
    with start_guard(f"sim:{tmp_path}/board", config=GuardConfig(realtime=False), car=wired):
        with NvidiaRacecar(throttle_gain=0.4) as car:
            assert (car.steering_gain, car.steering_offset, car.throttle_gain) == (-0.5, 0.05, 0.4)
            assert (car.steering_channel, car.throttle_channel) == (2, 6)
            car.steering, car.throttle = 0.6, 0.3
            wait_until(lambda: board.pulse_us(2) == pytest.approx(1500 + 750 * -0.25, abs=STEP_US / 2))
            wait_until(lambda: board.pulse_us(6) == pytest.approx(1590, abs=STEP_US / 2))
            with pytest.raises(traitlets.TraitError, match="another program"):
                car.steering_channel = 5
        assert guard_socket().exists(), "it is not ours to end"
        assert board.pulse_us(6) == pytest.approx(1500, abs=STEP_US / 2)


def test_a_car_that_another_program_drives_is_not_taken(board, tmp_path):
    with start_guard(f"sim:{tmp_path}/board", car=CarConfig(settle_s=0.0)) as guard, guard.connect() as other:
        other.send(jetracer.NEUTRAL)
        with pytest.raises(GuardError, match=r"Another program is driving.*jetracer stop"):
            NvidiaRacecar()


def test_a_bus_whose_guard_listens_elsewhere(board, tmp_path):
    with start_guard(f"sim:{tmp_path}/board", tmp_path / "s", car=CarConfig(settle_s=0.0)), \
            pytest.raises(GuardError, match="Another guard already drives the car on bus"):
        NvidiaRacecar()
