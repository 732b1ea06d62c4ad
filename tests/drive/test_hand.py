"""The hand that keeps a command alive: pauses, stops that want a person, a guard that is gone."""
from __future__ import annotations

import time

import pytest

from jetracer.car.base import CarConfig
from jetracer.car.null import NullCar
from jetracer.core.errors import GuardError, GuardLost
from jetracer.core.types import NEUTRAL, Command
from jetracer.drive.hand import Hand
from jetracer.safety.client import LocalGuard
from jetracer.safety.limits import Limits

DRIVE = Command(0.2, 0.3)


class Slow(NullCar):
    """Like an ESC that wants neutral for a while."""

    settle_s = 0.15


class Rig:
    def __init__(self, car=None):
        self.car = car or NullCar(None, CarConfig(name="null"))
        self.guard = LocalGuard(self.car, Limits(steering_per_s=1e9, throttle_per_s=1e9))
        self.stops = []
        self.hand = Hand(self.guard, lambda: self.stops.append(self.car.sent))


@pytest.fixture
def rig():
    rig = Rig()
    with rig.hand:
        yield rig


def wait_until(condition):
    until_s = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < until_s, "did not happen"
        time.sleep(0.002)


def pause(rig, seconds=0.15):
    """The program is held up for longer than the guard waits for commands."""
    with rig.hand._lock:
        time.sleep(seconds)
        rig.guard.tick()  # as the guard's process does by itself


def test_one_command_lasts(rig):
    rig.hand.set(DRIVE)
    assert rig.car.sent == DRIVE
    time.sleep(0.3)
    assert rig.guard.tick().armed
    assert rig.car.sent == DRIVE
    assert rig.stops == []


def test_arming_waits_for_the_motor_controller():
    rig = Rig(Slow())
    with rig.hand:
        assert rig.guard.status().armed


def test_closed_is_neutral_and_quiet(rig):
    rig.hand.set(DRIVE)
    rig.hand.close()
    assert rig.car.sent == NEUTRAL
    rig.hand.set(NEUTRAL, resting=True)
    with pytest.raises(GuardLost, match="closed"):
        rig.hand.set(DRIVE)


def test_after_a_pause_the_car_stands_and_may_be_driven_on(rig):
    rig.hand.set(DRIVE)
    pause(rig)
    wait_until(lambda: rig.stops)
    assert rig.car.sent == NEUTRAL
    wait_until(lambda: rig.guard.status().armed)
    assert rig.car.sent == NEUTRAL, "armed again, but not driving by itself"
    rig.hand.set(DRIVE)
    assert rig.car.sent == DRIVE
    assert len(rig.stops) == 1


def test_a_pause_at_rest_is_not_a_stop(rig):
    pause(rig)
    wait_until(lambda: rig.guard.status().armed)
    assert rig.stops == []


def test_an_emergency_stop_wants_a_person(rig):
    rig.hand.set(DRIVE)
    with rig.hand._lock:
        rig.guard.estop()
    wait_until(lambda: rig.stops)
    for _ in range(2):
        with pytest.raises(GuardError, match="emergency stop"):
            rig.hand.set(DRIVE)
    rig.hand.set(NEUTRAL, resting=True)
    time.sleep(0.1)
    assert not rig.guard.status().armed
    rig.hand.arm()
    rig.hand.set(DRIVE)
    assert rig.car.sent == DRIVE


def test_deadman(rig):
    rig.hand.deadman_s = 0.1
    rig.hand.set(DRIVE)
    wait_until(lambda: rig.stops)
    assert rig.car.sent == NEUTRAL
    assert rig.guard.status().armed
    rig.hand.set(DRIVE)
    assert rig.car.sent == DRIVE


def test_a_reaction_that_fails_does_not_end_the_hand(caplog):
    rig = Rig()
    rig.hand = Hand(rig.guard, lambda: 1 / 0, deadman_s=0.1)
    with rig.hand:
        rig.hand.set(DRIVE)
        wait_until(lambda: "reaction to a stop failed" in caplog.text)
        rig.hand.set(DRIVE)
        assert rig.car.sent == DRIVE


def test_arming_that_is_refused_says_why_and_lets_go(monkeypatch):
    monkeypatch.setattr("jetracer.drive.hand.ARM_S", 0.1)

    class Broken(NullCar):
        def apply(self, command):
            raise OSError("no acknowledge")

    rig = Rig(Broken())
    with pytest.raises(GuardError, match="does not answer"):
        rig.hand.open()


class Dead(LocalGuard):
    """A guard whose process can end."""

    ended = False

    def send(self, *content, **keywords):
        if self.ended:
            raise GuardLost("has ended")
        return super().send(*content, **keywords)


def test_a_guard_that_is_gone():
    rig = Rig()
    guard = Dead(rig.car)
    rig.hand = Hand(guard, lambda: rig.stops.append(0))
    with rig.hand:
        rig.hand.set(DRIVE)
        guard.ended = True
        wait_until(lambda: rig.stops)
        rig.hand.set(NEUTRAL, resting=True)
        with pytest.raises(GuardLost, match="make a new car"):
            rig.hand.set(DRIVE)


def test_a_guard_that_is_gone_is_told_to_whoever_sets():
    rig = Rig()
    guard = Dead(rig.car)
    with Hand(guard) as hand:
        guard.ended = True
        with pytest.raises(GuardLost, match=r"has ended|make a new car"):
            hand.set(DRIVE)


def test_at_rest_a_guard_that_is_gone_is_no_error():
    guard = Dead(NullCar())
    with Hand(guard) as hand:
        guard.ended = True
        hand.set(NEUTRAL, resting=True)
