"""The gamepad as the drive loop sees it: plugged in, driven, unplugged with the stick held, and back."""
from __future__ import annotations

import os
import time

import pytest

from jetracer.core.clock import FakeClock, MonotonicClock
from jetracer.core.errors import DeviceError
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, NEUTRAL
from jetracer.teleop.base import TELEOPS, make_teleop
from jetracer.teleop.gamepad import SILENCE_S, GamepadTeleop

from .fake_pads import ANDROID_AXES, ANDROID_KEYS, FakeKernel, FakePad

STEER, THROTTLE, HAT_X, HAT_Y = 0, 4, 0x10, 0x11
B, X, Y, LB, BACK, START = 0x131, 0x133, 0x134, 0x136, 0x13A, 0x13B


@pytest.fixture
def pad(tmp_path):
    return FakePad(tmp_path)


@pytest.fixture
def kernel(pad):
    return FakeKernel(pad)


@pytest.fixture
def clock():
    return FakeClock(10.0)


@pytest.fixture
def teleop(tmp_path, pad, kernel, clock):
    with GamepadTeleop(clock, folder=str(tmp_path), ask=kernel) as teleop:
        yield teleop


def press(pad, *codes):
    for code in codes:
        pad.press(code)
        pad.press(code, False)


def await_pad(teleop, seconds=10.0):
    """Poll as the loop does until a pad is there again."""
    give_up_s = time.monotonic() + seconds
    while not teleop.profile:
        assert time.monotonic() < give_up_s, "it never came back"
        teleop.poll()
    return teleop.poll()


def test_a_pad_at_rest_asks_for_nothing_but_is_heard(teleop, clock):
    assert teleop.profile == "Xbox"
    pilot = teleop.poll()
    assert (pilot.command, pilot.deadman, pilot.estop, pilot.arm, pilot.mode) == (NEUTRAL, False, False, False, MANUAL)
    clock.advance(60.0)
    assert teleop.poll().t_s == 70.0


def test_sticks_steer_and_drive_up_to_the_limit(teleop, pad):
    pad.press(LB)
    pad.set(STEER, 1.0)
    pad.set(THROTTLE, -1.0)  # pushed forward
    pilot = teleop.poll()
    assert pilot.deadman
    assert pilot.command.steering == 1.0
    assert pilot.command.throttle == pytest.approx(0.5)
    for _ in range(7):
        pad.set(HAT_Y, -1.0)
        pad.set(HAT_Y, 0.0)
    assert teleop.poll().command.throttle == pytest.approx(1.0), "the limit went up to all of it"
    pad.set(HAT_Y, 1.0)
    pad.set(THROTTLE, 1.0)
    assert teleop.poll().command.throttle == pytest.approx(-0.9)


def test_near_the_middle_a_stick_does_nothing_and_then_little(teleop, pad):
    for share, steering in ((0.05, 0.0), (-0.07, 0.0), (0.5, 0.3478)):
        pad.set(STEER, share)
        assert teleop.poll().command.steering == pytest.approx(steering, abs=1e-3)


def test_the_cross_trims_the_steering(teleop, pad):
    for _ in range(3):
        pad.set(HAT_X, 1.0)
        pad.set(HAT_X, 0.0)
    pilot = teleop.poll()
    assert pilot.trim == pytest.approx(0.06)
    assert pilot.command.steering == 0.0, "a trim is no wish of the human's"
    pad.press(0x222)  # a pad whose cross is made of buttons
    assert teleop.poll().trim == pytest.approx(0.04)


def test_a_stick_touched_takes_over_from_the_network(teleop, pad):
    for stick, modes in ((STEER, (ASSISTED, AUTOMATIC)), (THROTTLE, (AUTOMATIC,))):
        for mode in modes:
            while teleop.poll().mode != mode:
                press(pad, Y)
            pad.set(stick, 0.15)  # a worn stick at rest
            assert teleop.poll().mode == mode
            pad.set(stick, -0.4)
            pilot = teleop.poll()
            assert pilot.mode == MANUAL
            assert pilot.command != NEUTRAL
            pad.set(stick, 0.0)
            assert teleop.poll().mode == MANUAL, "it does not go back by itself"


def test_the_throttle_is_the_humans_own_in_assisted_mode(teleop, pad):
    press(pad, Y)
    pad.set(THROTTLE, -1.0)
    assert teleop.poll().mode == ASSISTED


def test_a_stick_that_is_held_may_hand_over_to_the_network(teleop, pad):
    pad.set(THROTTLE, -0.8)
    teleop.poll()
    press(pad, Y, Y)
    for share in (-0.8, -0.9, 0.0):
        pad.set(THROTTLE, share)
        assert teleop.poll().mode == AUTOMATIC
    pad.set(THROTTLE, -0.8)
    assert teleop.poll().mode == MANUAL


def test_buttons(teleop, pad):
    modes = []
    for _ in range(4):
        press(pad, Y)
        modes.append(teleop.poll().mode)
    assert modes == [ASSISTED, AUTOMATIC, MANUAL, ASSISTED]
    press(pad, X, BACK)
    first, second = teleop.poll(), teleop.poll()
    assert first.record and second.record and first.undo and not second.undo
    press(pad, X)
    assert not teleop.poll().record
    pad.press(START)
    assert teleop.poll().arm and teleop.poll().arm
    pad.press(START, False)
    assert not teleop.poll().arm


def test_the_emergency_stop_counts_however_short_it_is(teleop, pad):
    press(pad, B)
    assert teleop.poll().estop
    assert not teleop.poll().estop
    pad.press(B)
    assert teleop.poll().estop and teleop.poll().estop


def test_unplugged_with_the_stick_held(teleop, pad, clock, kernel, tmp_path):
    teleop.poll()
    pad.press(LB)
    pad.set(THROTTLE, -0.9)
    assert teleop.poll().deadman
    heard_s = clock.now_s()
    clock.advance(0.02)
    pad.unplug()
    for _ in range(3):
        pilot = teleop.poll()
        assert (pilot.command, pilot.deadman, pilot.t_s) == (NEUTRAL, False, heard_s)
        clock.advance(0.02)
    # back with everything still held: the pilot has to let go of the deadman's button first
    again = FakePad(tmp_path, number=1)
    again.held, again.values[THROTTLE] = {LB}, -32768
    kernel.pads.append(again)
    pilot = await_pad(teleop)
    assert pilot.t_s == clock.now_s()
    assert not pilot.deadman
    again.press(LB, False)
    teleop.poll()
    again.press(LB)
    pilot = teleop.poll()
    assert pilot.deadman
    assert pilot.command.throttle == pytest.approx(0.5)


def test_a_pad_may_come_later_and_settings_stay_when_it_goes(tmp_path, clock):
    kernel = FakeKernel()
    with GamepadTeleop(clock, folder=str(tmp_path), ask=kernel) as teleop:
        assert teleop.poll().t_s == float("-inf"), "never heard"
        first = FakePad(tmp_path, identity=(0x2563, 0x0575), keys=ANDROID_KEYS, axes=ANDROID_AXES)
        kernel.pads.append(first)
        await_pad(teleop)
        assert teleop.profile == "ShanWan"
        press(first, Y, Y)
        assert teleop.poll().mode == AUTOMATIC
        first.unplug()
        assert teleop.poll().mode == AUTOMATIC
        assert not teleop.profile


def test_what_is_no_pad_is_asked_only_once(tmp_path, clock):
    mouse = FakePad(tmp_path, "Mouse", (0x046D, 0xC077), (0x110, 0x111), {}, number=0)
    late = FakePad(tmp_path, number=12)
    kernel = FakeKernel(mouse)
    with GamepadTeleop(clock, folder=str(tmp_path), ask=kernel) as teleop:
        asked = kernel.asked
        kernel.pads.append(late)
        await_pad(teleop)
        assert kernel.asked - asked < 40
        assert teleop._search.others.keys() == {mouse.path}


def test_silence_with_a_driven_stick_is_a_lost_radio_link(teleop, pad, clock):
    teleop.poll()
    pad.press(LB)
    pad.set(THROTTLE, -1.0)
    teleop.poll()
    clock.advance(SILENCE_S - 0.1)
    assert teleop.poll().deadman
    clock.advance(0.2)
    pilot = teleop.poll()
    assert (pilot.command, pilot.deadman) == (NEUTRAL, False)
    pad.set(THROTTLE, -0.99)
    assert teleop.poll().deadman
    press(pad, Y, Y)
    assert teleop.poll().mode == AUTOMATIC
    clock.advance(60.0)
    assert teleop.poll().deadman, "the network drives: a quiet thumb on the deadman's button is all that is asked for"


def test_a_device_by_its_path(tmp_path, pad, kernel, clock):
    FakePad(tmp_path, number=7)
    with GamepadTeleop(clock, pad.path, "nowhere", kernel) as teleop:
        assert teleop.profile == "Xbox"
    mouse = FakePad(tmp_path, "Mouse", (0x046D, 0xC077), (0x110, 0x111), {}, number=8)
    kernel.pads.append(mouse)
    with pytest.raises(DeviceError, match="event8 is no gamepad"):
        GamepadTeleop(clock, mouse.path, ask=kernel).open()
    assert isinstance(make_teleop("gamepad:/dev/input/event5"), GamepadTeleop)
    assert "gamepad" in TELEOPS.names


def test_no_permission_is_told_with_what_to_do(tmp_path, pad, monkeypatch):
    def refuse(*_args):
        raise PermissionError(13, "Permission denied")

    with pytest.raises(DeviceError, match="usermod -aG input"):
        GamepadTeleop(folder=str(tmp_path), ask=refuse).open()


def test_open_and_close_twice_and_polls_never_wait(tmp_path, pad, kernel):
    before = len(os.listdir("/proc/self/fd"))
    teleop = GamepadTeleop(MonotonicClock(), folder=str(tmp_path), ask=kernel)
    teleop.open()
    teleop.open()
    start_s = time.monotonic()
    for _ in range(1000):
        teleop.poll()
    assert time.monotonic() - start_s < 1.0
    teleop.close()
    teleop.close()
    assert len(os.listdir("/proc/self/fd")) == before
