"""What takes the car's eyes, mind or pilot away, and how long until the motor's registers are neutral, on virtual time.

    python -m tests.drive.losses [--instants 20]      the table

Each loss is tried at instants spread over the camera's period: the whole flow drives in lockstep, down to the registers
of the virtual PCA9685. A loss counts from the instant itself, not from the picture in which it first shows.
"""
from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Callable, Dict, List, Optional

from jetracer.camera.background import FrozenPixels
from jetracer.camera.base import Camera
from jetracer.car.base import CarConfig
from jetracer.car.servo_esc import ServoEsc
from jetracer.control.arbiter import Arbiter
from jetracer.control.base import CONTROLLERS
from jetracer.control.config import ControlConfig
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, Command, Frame, Pilot, Step
from jetracer.drive.loop import Driver, run
from jetracer.engine.base import Engine
from jetracer.engine.null import NullEngine
from jetracer.perception.road import RoadFollower
from jetracer.safety.client import LocalGuard
from jetracer.sim.board import Board
from jetracer.sim.faults import Faults, FaultyEngine
from jetracer.sim.lockstep import Lockstep
from jetracer.sim.pattern import PatternRenderer
from jetracer.sim.track import generate
from jetracer.sim.world import World
from jetracer.teleop.base import Teleop
from jetracer.teleop.gamepad import GamepadTeleop
from jetracer.teleop.script import ScriptTeleop
from tests.teleop.fake_pads import FakeKernel, FakePad

FPS = 30.0
LIMIT_S = 0.100
FIRST_S, GIVE_UP_S = 0.9, 1.0  # the first instant; how long neutral is waited for
NEUTRAL_US = 1500.0
DEADMAN, START, STEER, THROTTLE = 0x136, 0x13B, 0, 4


class Flow:
    """The whole flow in lockstep: world, camera, engine, controller, guard, registers. `at` calls at a time."""

    def __init__(self, faults: str = "", engine: Optional[Callable[[Lockstep], Engine]] = None) -> None:
        board = Board()
        self.world = World(generate(7), board, faults=Faults.parse(filter(None, [faults])),
                           renderer=PatternRenderer(64, 48))
        self.lockstep = Lockstep(self.world, fps=FPS)
        self.clock, self.board = self.lockstep.clock, board
        self.guard = LocalGuard(ServoEsc(board.bus(), CarConfig()), clock=self.clock)
        self.engine = engine(self.lockstep) if engine else NullEngine()
        self.neutral_s: Optional[float] = None  # since when the motor's registers are neutral
        self.lockstep.on_tick += [lambda _now_s: self.guard.tick(), self._look]

    def drive(self, teleop: Teleop, until: Callable[[Step], bool]) -> None:
        controller = CONTROLLERS.create("aim", ControlConfig(), clock=self.clock)
        try:
            with self.guard, teleop:
                driver = Driver(RoadFollower(self.engine), controller, Arbiter(), teleop, self.guard, self.clock)
                run(driver, Stamped(self.lockstep), [lambda _step: self._look(self.clock.now_s())], until)
        finally:
            self._look(self.clock.now_s())

    def at(self, t_s: float, act: Callable[[], None]) -> None:
        """Call `act` at the first tick from `t_s` on."""
        waiting = [act]
        self.lockstep.on_tick.append(lambda now_s: waiting.pop()() if waiting and now_s >= t_s - 1e-9 else None)

    def _look(self, now_s: float) -> None:
        if abs(self.board.pulse_us(1) - NEUTRAL_US) > 3:
            self.neutral_s = None
        elif self.neutral_s is None:
            self.neutral_s = now_s


class Stamped(Camera):
    """Pictures as `Background` hands them over: one that comes again keeps its time."""

    def __init__(self, camera: Camera) -> None:
        self._camera, self._stamps = camera, FrozenPixels()

    def read(self, timeout_s: float) -> Frame:
        return self._stamps.stamp(self._camera.read(timeout_s))


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


def pilot(flow: Flow, mode: str) -> ScriptTeleop:
    """Arms the car at once, and in assisted mode pushes the throttle."""
    ready = Pilot(deadman=True, mode=mode)
    arming = Pilot(deadman=True, mode=mode, arm=True)
    driving = Pilot(Command(0.0, 0.2), deadman=True, mode=mode)
    return ScriptTeleop(flow.clock, states=[(0.0, ready), (0.6, arming), (0.7, driving)])


def sight(fault: str) -> Callable[[float, str], float]:
    """A camera that is frozen, black or lost."""
    return lambda fault_s, mode: time_to_neutral(Flow(f"{fault}@{fault_s}"), fault_s, mode)


def mind(make: Callable[[Lockstep, float], Engine]) -> Callable[[float, str], float]:
    """An engine that fails as `make` says."""
    return lambda fault_s, mode: time_to_neutral(Flow(engine=lambda lockstep: make(lockstep, fault_s)), fault_s, mode)


def time_to_neutral(flow: Flow, fault_s: float, mode: str) -> float:
    return measured(flow, pilot(flow, mode), fault_s)


def unplugged(fault_s: float, _mode: str) -> float:
    """A gamepad that goes with its stick held."""
    flow = Flow()
    with tempfile.TemporaryDirectory() as folder:
        pad = FakePad(Path(folder))
        flow.at(0.60, lambda: (pad.press(DEADMAN), pad.press(START)))
        flow.at(0.70, lambda: pad.set(THROTTLE, -0.8))
        flow.at(fault_s, pad.unplug)
        return measured(flow, GamepadTeleop(flow.clock, folder=folder, ask=FakeKernel(pad)), fault_s)


def measured(flow: Flow, teleop: Teleop, fault_s: float) -> float:
    """Seconds from the loss until the registers are neutral, and stay so; infinite when they never are."""
    moving: List[bool] = []
    flow.at(fault_s - 0.05, lambda: moving.append(flow.neutral_s is None))
    with suppress(RuntimeError):  # a drive ends with its engine, and lets go of the guard
        flow.drive(teleop, lambda step: flow.clock.now_s() > fault_s + GIVE_UP_S)
    if moving != [True]:
        raise AssertionError("the car did not drive when the fault came")
    return flow.neutral_s - fault_s if flow.neutral_s is not None else float("inf")


LOSSES: Dict[str, Callable[[float, str], float]] = {
    "camera frozen": sight("frozen"),
    "camera black": sight("black"),
    "camera lost": sight("lost"),
    "engine hangs": mind(lambda lockstep, fault_s: Broken(lockstep, fault_s, hangs=True)),
    "engine says NaN": mind(lambda lockstep, fault_s: FaultyEngine(
        NullEngine(), Faults.parse([f"nan_output@{fault_s}"]), lockstep.clock)),
    "engine raises": mind(lambda lockstep, fault_s: Broken(lockstep, fault_s, hangs=False)),
    "gamepad unplugged": unplugged,
}
MODES = (MANUAL, ASSISTED, AUTOMATIC)
BY_HAND = ("engine hangs", "engine raises", "gamepad unplugged")  # by hand no picture is needed, nor its meaning
CASES = [(loss, mode) for loss in LOSSES for mode in MODES
         if (mode != MANUAL or loss in BY_HAND) and (mode == MANUAL or loss != "gamepad unplugged")]


def times_s(loss: str, mode: str, instants: int) -> List[float]:
    """From the loss to neutral registers, at `instants` spread evenly over three of the camera's periods."""
    return [LOSSES[loss](FIRST_S + 3 / FPS * number / instants, mode) for number in range(instants)]


def row(loss: str, mode: str, times: List[float]) -> str:
    return f"{loss:<18} {mode:<10} {len(times):>3} {1e3 * statistics.median(times):8.1f} {1e3 * max(times):8.1f}"


HEAD = f"{'loss':<18} {'mode':<10} {'n':>3} {'median':>8} {'worst':>8}  ms to neutral registers"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instants", type=int, default=20)
    options = parser.parse_args()
    print(HEAD)
    logging.disable()
    for loss, mode in CASES:
        print(row(loss, mode, times_s(loss, mode, options.instants)))


if __name__ == "__main__":
    main()
