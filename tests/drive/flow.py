"""The whole flow on virtual time: world, camera, engine, controller, guard, down to the registers of the PCA9685."""
from __future__ import annotations

from typing import Callable, Optional, Set

from jetracer.camera.background import FrozenPixels
from jetracer.camera.base import Camera
from jetracer.car.base import CarConfig
from jetracer.car.servo_esc import ServoEsc
from jetracer.control.arbiter import Arbiter
from jetracer.control.base import CONTROLLERS
from jetracer.control.config import ControlConfig
from jetracer.core.types import Frame, Step
from jetracer.drive.loop import Driver, run
from jetracer.engine.base import Engine
from jetracer.engine.null import NullEngine
from jetracer.perception.road import RoadFollower
from jetracer.safety.client import LocalGuard
from jetracer.sim.board import Board
from jetracer.sim.faults import Faults
from jetracer.sim.lockstep import Lockstep
from jetracer.sim.pattern import PatternRenderer
from jetracer.sim.track import generate
from jetracer.sim.world import World
from jetracer.teleop.base import Teleop

FPS = 30.0
NEUTRAL_US = 1500.0


class Flow:
    """A drive in lockstep. `at` calls at a time; `camera` and `engine` make what stands in for the healthy ones."""

    def __init__(self, faults: str = "", engine: Optional[Callable[[Lockstep], Engine]] = None,
                 camera: Optional[Callable[[Lockstep], Camera]] = None) -> None:
        self.board = Board()
        world = World(generate(7), self.board, faults=Faults.parse(filter(None, [faults])),
                      renderer=PatternRenderer(64, 48))
        self.lockstep = Lockstep(world, fps=FPS)
        self.clock = self.lockstep.clock
        self.guard = LocalGuard(ServoEsc(self.board.bus(), CarConfig()), clock=self.clock)
        self.camera = Stamped(camera(self.lockstep) if camera else self.lockstep)
        self.engine = engine(self.lockstep) if engine else NullEngine()
        self.neutral_s: Optional[float] = None  # since when the motor's registers are neutral
        self.reasons: Set[str] = set()  # all that the guard has said
        self.lockstep.on_tick += [lambda _now_s: self.guard.tick(), self._look]

    def drive(self, teleop: Teleop, until: Callable[[Step], bool]) -> None:
        controller = CONTROLLERS.create("aim", ControlConfig(), clock=self.clock)
        try:
            with self.guard, teleop:
                driver = Driver(RoadFollower(self.engine), controller, Arbiter(), teleop, self.guard, self.clock)
                run(driver, self.camera, [lambda _step: self._look(self.clock.now_s())], until)
        finally:
            self._look(self.clock.now_s())

    def at(self, t_s: float, act: Callable[[], None]) -> None:
        """Call `act` at the first tick from `t_s` on."""
        waiting = [act]
        self.lockstep.on_tick.append(lambda now_s: waiting.pop()() if waiting and now_s >= t_s - 1e-9 else None)

    def _look(self, now_s: float) -> None:
        self.reasons.update(stop.reason for stop in self.guard.core.status().decision.stops)
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
