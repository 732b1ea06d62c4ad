"""Faults of eyes, mind, hand and motors' chip in the whole flow, on virtual time; each returns an injector.

A fault counts from its own instant, not from the picture in which it first shows.
"""
from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Callable, List, Sequence

from jetracer.camera.base import Camera
from jetracer.core.errors import CameraError, CameraTimeout
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, Command, Frame, Pilot
from jetracer.engine.null import NullEngine
from jetracer.sim.faults import Faults, FaultyEngine
from jetracer.sim.lockstep import Lockstep
from jetracer.teleop.base import Teleop
from jetracer.teleop.gamepad import GamepadTeleop
from jetracer.teleop.pads import XBOX
from jetracer.teleop.script import ScriptTeleop
from tests.drive.flow import FPS, Flow
from tests.teleop.fake_pads import FakeKernel, FakePad

from .row import Found, Inject

SEEING, ALL = (ASSISTED, AUTOMATIC), (MANUAL, ASSISTED, AUTOMATIC)
FIRST_S, GIVE_UP_S = 0.9, 1.0  # the first instant; how long neutral is waited for
PUSHED_S = 0.7  # when the stick is pushed


def spread(number: int) -> float:
    """0 to 1, evenly however many are taken (the golden ratio)."""
    return number * 0.6180339887 % 1.0


def camera(fault: str) -> Inject:
    """One of `sim/faults.py`: frozen, black, lost."""
    return _seen(SEEING, lambda t_s: Flow(f"{fault}@{t_s}"))


def unplugged_camera() -> Inject:
    return _seen(SEEING, lambda t_s: Flow(camera=lambda lockstep: Unplugged(lockstep, t_s)))


def engine(hangs: bool) -> Inject:
    return _seen(ALL, lambda t_s: Flow(engine=lambda lockstep: Broken(lockstep, t_s, hangs)))


def nan_engine() -> Inject:
    return _seen(SEEING, lambda t_s: Flow(engine=lambda lockstep: FaultyEngine(
        NullEngine(), Faults.parse([f"nan_output@{t_s}"]), lockstep.clock)))


def chip(fault: str, lasting_s: float = 0.0) -> Inject:
    """The motors' chip fails for a while; counted from its return, as until then nothing reaches it."""
    return _seen(SEEING, lambda t_s: Flow(f"{fault}@{t_s - lasting_s}+{lasting_s}" if lasting_s else f"{fault}@{t_s}"),
                 lasting_s)


def pad(act: Callable[[FakePad], None], wait_s: float = GIVE_UP_S) -> Inject:
    """What happens to a gamepad, its stick held, while it drives by hand."""

    def inject(number: int) -> Found:
        flow, t_s = Flow(), _instant(number)
        with tempfile.TemporaryDirectory() as folder:
            device = FakePad(Path(folder))
            flow.at(0.60, lambda: (device.press(XBOX.deadman), device.press(XBOX.arm)))
            flow.at(PUSHED_S, lambda: device.set(XBOX.throttle, -0.8))
            flow.at(t_s, lambda: act(device))
            teleop = GamepadTeleop(flow.clock, folder=folder, ask=FakeKernel(device))
            try:
                return _measured(flow, teleop, t_s, wait_s)
            finally:
                if Path(device.path).exists():
                    device.unplug()

    return inject


def silent_pad(wait_s: float) -> Inject:
    """A radio pad out of reach: its receiver stays, and tells nothing of the stick that is held."""

    def inject(number: int) -> Found:
        found = pad(lambda _device: None, wait_s)(number)
        return found._replace(took_s=found.took_s + _instant(number) - PUSHED_S)

    return inject


def _seen(modes: Sequence[str], make: Callable[[float], Flow], lasting_s: float = 0.0) -> Inject:
    """The flow that `make` builds around the instant of the fault, in one mode after the other."""

    def inject(number: int) -> Found:
        t_s = _instant(number) + lasting_s
        flow = make(t_s)
        return _measured(flow, _script(flow, modes[number % len(modes)]), t_s, lasting_s=lasting_s)

    return inject


def _instant(number: int) -> float:
    """Spread over three periods of the camera."""
    return FIRST_S + 3 / FPS * spread(number)


def _script(flow: Flow, mode: str) -> ScriptTeleop:
    """Arms the car at once, and pushes the throttle where that is the human's."""
    ready, arming = Pilot(deadman=True, mode=mode), Pilot(deadman=True, mode=mode, arm=True)
    driving = Pilot(Command(0.0, 0.2), deadman=True, mode=mode)
    return ScriptTeleop(flow.clock, states=[(0.0, ready), (0.6, arming), (PUSHED_S, driving)])


def _measured(flow: Flow, teleop: Teleop, t_s: float, wait_s: float = GIVE_UP_S, lasting_s: float = 0.0) -> Found:
    """From `t_s` until the registers are neutral, and stay so; infinite when they never are."""
    moving: List[bool] = []
    flow.at(t_s - lasting_s - 0.05, lambda: (moving.append(flow.neutral_s is None), flow.reasons.clear()))
    with suppress(RuntimeError):  # a drive ends with its engine, and lets go of the guard
        flow.drive(teleop, lambda step: flow.clock.now_s() > t_s + wait_s)
    if moving != [True]:
        raise AssertionError("the car did not drive when the fault came")
    took_s = flow.neutral_s - t_s if flow.neutral_s is not None else float("inf")
    return Found(took_s, frozenset(flow.reasons))


class Broken(NullEngine):
    """From `fault_s` on, an inference never ends, or raises."""

    def __init__(self, lockstep: Lockstep, fault_s: float, hangs: bool) -> None:
        super().__init__()
        self._clock, self._fault_s, self._hangs = lockstep.clock, fault_s, hangs

    def infer(self, inputs: dict) -> dict:
        if self._clock.now_s() >= self._fault_s:
            if not self._hangs:
                raise RuntimeError("the engine broke")
            self._clock.sleep_until(self._clock.now_s() + GIVE_UP_S)
        return super().infer(inputs)


class Unplugged(Camera):
    """Fails at `fault_s`, once as `Background` tells it, and is silent from then on."""

    def __init__(self, lockstep: Lockstep, fault_s: float) -> None:
        self._lockstep, self._fault_s, self._told = lockstep, fault_s, False

    def read(self, timeout_s: float) -> Frame:
        clock = self._lockstep.clock
        left_s = self._fault_s - clock.now_s()
        if left_s > 1e-9:
            try:
                return self._lockstep.read(min(timeout_s, left_s))
            except CameraTimeout:
                return self.read(timeout_s - left_s)
        if not self._told:
            self._told = True
            raise CameraError("The camera failed: No such device")
        clock.sleep_until(clock.now_s() + timeout_s)
        raise CameraTimeout("No new frame")


