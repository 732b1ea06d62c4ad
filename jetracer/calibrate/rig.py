"""What a calibration runs on: the guard of the car that is measured, its camera if wanted, or the simulated world's."""
from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, Optional

from jetracer.camera.base import Camera
from jetracer.camera.load import make_camera
from jetracer.car.base import CarConfig
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.drive.config import DriveConfig
from jetracer.drive.world import simulated
from jetracer.safety.client import Guard
from jetracer.safety.limits import Limits
from jetracer.safety.start import start_guard


@dataclass(frozen=True)
class Rig:
    """`truth` is what the simulated world knows of the car, else None; `camera` None where none was asked for."""

    guard: Guard
    clock: Clock
    truth: Optional[Callable[[], Any]] = None
    camera: Optional[Camera] = None


@contextmanager
def rig(config: DriveConfig, car: CarConfig, limits: Limits, camera: bool = False) -> Iterator[Rig]:
    """Start a guard that drives `car` within `limits`; whatever happens, all ends in neutral. Raises JetRacerError."""
    clock = MonotonicClock()
    with ExitStack() as stack:
        world = None
        if config.sim:
            world, config = simulated(config, stack)
        process = stack.enter_context(start_guard(config.bus, config=replace(config.guard, limits=limits), car=car))
        if world is not None:
            world.open()
        eye = stack.enter_context(make_camera(config.camera, clock)) if camera else None
        guard = stack.enter_context(process.connect())
        yield Rig(guard, clock, world.shared.truth if world else None, eye)
