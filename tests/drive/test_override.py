"""The human wins: what he does is the command of the very next turn of the loop, and in the registers with it."""
from __future__ import annotations

import pytest

from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, MODES, Aim
from jetracer.engine.null import NullEngine
from jetracer.teleop.gamepad import GamepadTeleop
from tests.teleop.fake_pads import FakeKernel, FakePad

from .flow import FPS, NEUTRAL_US, Flow

DEADMAN, START, STEER, THROTTLE = 0x136, 0x13B, 0, 4
ESTOP, MODE, CROSS_X = 0x131, 0x134, 0x10
FIRST_S = 0.9  # the car drives by then
INSTANTS = 20
LEFT_US = 1010.0  # the servo of the simulated car stands at 1000 us, fully left
TURN_S, GUARD_S = 1 / FPS, 0.010  # one turn of the loop, and of the guard, which smooths the steering


class Touch:
    """A drive in `mode`, the network steering hard left, until `act` at `touch_s`; two turns more."""

    def __init__(self, folder, mode, touch_s, act):
        folder.mkdir()
        self.flow = flow = Flow(engine=lambda _: NullEngine(Aim(-1.0, 0.0)))
        self.touch_s, self.steps, self.pulses = None, [], []
        pad = FakePad(folder)
        teleop = GamepadTeleop(flow.clock, folder=str(folder), ask=FakeKernel(pad))
        for _ in range(MODES.index(mode)):
            flow.at(0.30, lambda: pad.press(MODE))
        flow.at(0.60, lambda: (pad.press(DEADMAN), pad.press(START)))
        if mode == ASSISTED:
            flow.at(0.70, lambda: pad.set(THROTTLE, -0.8))
        flow.at(touch_s, lambda: (self._begin(), act(pad)))
        flow.drive(teleop, self._note)

    def after_s(self, condition):
        """Seconds from the touch until the (servo, motor) pulses are so."""
        return next(t_s for t_s, *pulses in self.pulses if condition(*pulses)) - self.touch_s

    def _begin(self):
        self.touch_s = self.flow.clock.now_s()
        self.flow.lockstep.on_tick.append(self._look)
        self._look(self.touch_s)

    def _look(self, now_s):
        self.pulses.append((now_s, self.flow.board.pulse_us(0), self.flow.board.pulse_us(1)))

    def _note(self, step):
        if self.touch_s is not None:
            self._look(self.flow.clock.now_s())
            self.steps.append(step)
        return len(self.steps) == 2


def touches(tmp_path, mode, act):
    for number in range(INSTANTS):
        yield Touch(tmp_path / str(number), mode, FIRST_S + 3 * TURN_S * number / INSTANTS, act)


@pytest.mark.parametrize("mode", [ASSISTED, AUTOMATIC])
def test_a_touched_stick_has_the_car_at_the_next_turn(tmp_path, mode, record_property):
    times_s = []
    for touch in touches(tmp_path, mode, lambda pad: pad.set(STEER, 1.0)):
        assert touch.pulses[0][1] < LEFT_US, "the network steered left"
        assert touch.steps[0].pilot.mode == MANUAL
        assert touch.steps[0].wanted.steering == 1.0, "the human's own at the very next turn"
        times_s.append(touch.after_s(lambda servo_us, _: servo_us > LEFT_US))
    assert max(times_s) <= TURN_S + GUARD_S + 1e-6
    record_property("latency_s", max(times_s))
    print(f"\n{mode}: a touched stick moves the servo's register within {1e3 * max(times_s):.1f} ms at {FPS:g} Hz")


@pytest.mark.parametrize("mode", [ASSISTED, AUTOMATIC])
def test_the_emergency_stop_is_in_the_registers_at_the_next_turn(tmp_path, mode):
    times_s = []
    for touch in touches(tmp_path, mode, lambda pad: pad.press(ESTOP)):
        assert touch.pulses[0][2] > NEUTRAL_US + 10
        times_s.append(touch.after_s(lambda _, motor_us: abs(motor_us - NEUTRAL_US) < 3))
    assert max(times_s) <= TURN_S + 1e-6
    print(f"\n{mode}: an emergency stop is in the registers within {1e3 * max(times_s):.1f} ms at {FPS:g} Hz")


def test_a_trim_reaches_the_wheels_of_the_network_too(tmp_path):
    touch = Touch(tmp_path / "trim", AUTOMATIC, FIRST_S, lambda pad: pad.set(CROSS_X, 1.0))
    assert touch.steps[-1].pilot.mode == AUTOMATIC
    assert 0 < touch.pulses[-1][1] - touch.pulses[0][1] < 20
