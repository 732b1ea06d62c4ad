"""A person at a real pseudo-terminal, in virtual time: presses, lets go, skips, goes back, leaves."""
from __future__ import annotations

import os
import pty

import pytest

from jetracer.calibrate.person import Guide, Quit, ask
from jetracer.core.clock import FakeClock
from jetracer.core.errors import DeviceError, GuardError
from jetracer.sim.vehicle import VehicleConfig
from jetracer.teleop.terminal import HOLD_S, Terminal

from .stand import stand, truth


class Robot:
    """Somebody who looks at the wheels and presses one key each tenth of a second of virtual time."""

    def __init__(self, car, master):
        self.car, self.master = car, master
        self.step = ""
        self.said = []
        self.ticks = 0
        self.script = {}
        self.turned_about = False
        car.on_tick.append(self.tick)

    def say(self, text):
        self.said.append(text)
        if text[:1].isdigit():
            self.step, self.age = text.split()[1].rstrip(":"), 0

    def tick(self, _now_s):
        self.ticks += 1
        assert self.ticks < 10_000, f"still at {self.step}"
        self.age = getattr(self, "age", 0) + 1
        if self.ticks % 5 == 0 and self.step:
            os.write(self.master, self.key().encode())

    def key(self):
        if self.step in self.script:
            return self.script[self.step]
        angle, speed = self.car.look()
        return getattr(self, self.step)(angle, speed)

    def centre(self, angle, _speed):
        if self.age < 60:
            return "h"  # first a good look
        return "\n" if abs(angle) < 0.004 else "a" if (angle > 0) == self.right_is_up else "d"

    def right(self, angle, _speed):
        if self.age == 5 and not self.right_is_up:
            return "x"
        return "\n" if angle > 0.418 else "d"

    def left(self, angle, _speed):
        return "\n" if angle < -0.418 else "a"

    def forward(self, _angle, speed):
        if speed < -0.01 and not self.turned_about:
            self.turned_about = True
            return "x"
        return "\n" if speed > 0.01 else self.slowly("w")

    def backward(self, _angle, speed):
        return "\n" if speed < -0.01 else self.slowly("s")

    def slowly(self, key):
        return key if self.ticks % 30 == 0 else "h"

    def reverse(self, _angle, speed):
        if speed < -0.02:
            self.back = self.age
        return "h" if self.age < 420 else "2"

    @property
    def right_is_up(self):
        return self.car.world.vehicle.config.servo.half_range_us > 0


@pytest.fixture
def keyboard():
    master, slave = pty.openpty()
    with Terminal(os.ttyname(slave)) as terminal:
        yield master, terminal
    for fd in (master, slave):
        os.close(fd)


@pytest.fixture
def car():
    with stand(VehicleConfig.random(5, lifted=True)) as car:
        car.bench.arm()
        yield car


def test_a_person_finds_the_same(car, keyboard):
    robot = Robot(car, keyboard[0])
    found = Guide(car.bench, keyboard[1], car.clock, robot.say, lambda _text: None).find_all()
    true = truth(car.world.vehicle.config)
    got = (found.centre, found.right, found.left, found.forward, found.backward)
    assert got == pytest.approx(true, abs=10.0)  # two steps of the chip: eyes are no instruments
    assert found.reverse == "after_neutral" == car.world.vehicle.config.esc.reverse
    assert robot.back > 300, "backwards only the second time"
    assert car.world.t_s < 60.0


def test_letting_go_is_neutral(car, keyboard):
    master, terminal = keyboard
    robot = Robot(car, master)
    robot.script = {"centre": "n", "right": "n", "left": "n", "forward": "w"}
    pulses = []

    def tick(_now_s):
        pulses.append(car.board.pulse_us(1))
        if robot.step == "forward" and robot.age == 200:
            robot.step = ""  # nobody presses anything any more
        if not robot.step and robot.age == 200 + 100 * HOLD_S + 20:
            os.write(master, b"q")

    car.on_tick.append(tick)
    with pytest.raises(Quit):
        Guide(car.bench, terminal, car.clock, robot.say, lambda _text: None).find_all()
    assert max(abs(pulse - 1500.0) for pulse in pulses) > 60.0
    assert abs(pulses[-1] - 1500.0) < 3.0


def test_skipped_steps_and_one_back(car, keyboard):
    robot = Robot(car, keyboard[0])
    robot.script = dict.fromkeys(("centre", "right", "left", "forward", "reverse"), "n")
    visits = []

    def backward(_angle, _speed):
        visits.append(robot.said[-1])
        return "b" if len(visits) == 1 else "n"

    robot.backward = backward
    found = Guide(car.bench, keyboard[1], car.clock, robot.say, lambda _text: None).find_all()
    assert set(vars(found).values()) == {None}
    assert len([text for text in robot.said if "forward:" in text]) == 2


def test_an_emergency_stop_ends_it(car, keyboard):
    guide = Guide(car.bench, keyboard[1], car.clock, lambda _text: None, lambda _text: None)
    car.guard.estop()
    with pytest.raises(GuardError, match="emergency stop"):
        guide.find_all()


@pytest.mark.parametrize("key, answer", [("y", True), ("n", False), ("?y", True)])
def test_asking(keyboard, key, answer):
    os.write(keyboard[0], key.encode())
    assert ask(keyboard[1], FakeClock(), lambda _text: None, "Are the wheels up?") is answer


def test_nobody_to_ask():
    master, slave = pty.openpty()
    with Terminal(os.ttyname(slave)) as terminal:
        for fd in (master, slave):
            os.close(fd)
        with pytest.raises(DeviceError, match="nothing was written"):
            ask(terminal, FakeClock(), lambda _text: None, "Are the wheels up?")
