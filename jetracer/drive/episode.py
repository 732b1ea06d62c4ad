"""One closed-loop episode in lockstep: pictures -> road model -> controller -> guard -> board -> motion."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import numpy as np

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.car.base import CarConfig
from jetracer.car.servo_esc import ServoEsc
from jetracer.control.arbiter import Arbiter
from jetracer.control.base import CONTROLLERS
from jetracer.control.config import ControlConfig
from jetracer.core.types import Step
from jetracer.drive.loop import Driver, run
from jetracer.perception.base import Perception
from jetracer.safety.client import LocalGuard
from jetracer.safety.limits import Limits
from jetracer.sim.board import Board
from jetracer.sim.lockstep import Lockstep
from jetracer.sim.track import Track
from jetracer.sim.world import World
from jetracer.teleop.auto import AutoTeleop

SLOWEST_MPS = 0.3  # a car that gets on more slowly than this does not drive, it survives


@dataclass(frozen=True)
class EpisodeConfig:
    duration_s: float = 60.0
    fps: float = 30.0
    lag_s: float = 0.0  # from exposure to the frame's arrival
    control: ControlConfig = field(default_factory=ControlConfig)


def run_episode(track: Track, seed: int, perception: Perception, renderer: Any,
                config: Optional[EpisodeConfig] = None) -> Dict[str, Any]:
    """Drive one episode and return its record; `seed` says where the car starts, and how askew."""
    config = config or EpisodeConfig()
    world = World(track, Board(), SIM_CAMERA, seed=seed, renderer=renderer)
    _start_somewhere(world, seed)
    end_s = world.t_s + config.duration_s
    lockstep = Lockstep(world, config.lag_s, config.fps, seed=seed)
    halts = Halts()
    # The guard's limit on a frame's age is for surprises; a lag asked for is none.
    limits = Limits(max_frame_age_s=Limits.max_frame_age_s + config.lag_s)
    with LocalGuard(ServoEsc(world.board.bus(), CarConfig()), limits, lockstep.clock) as guard:
        lockstep.on_tick.append(lambda now_s: guard.tick())
        controller = CONTROLLERS.create(config.control.name, config.control, SIM_CAMERA, lockstep.clock)
        driver = Driver(perception, controller, Arbiter(), AutoTeleop(lockstep.clock), guard, lockstep.clock)
        run(driver, lockstep, [halts], lambda step: world.t_s >= end_s or not world.referee.survived)
    return record(world, seed, config, halts.reasons)


class Halts:
    """A sink of the loop: why the armed car was stopped, in order."""

    def __init__(self) -> None:
        self.reasons: List[str] = []
        self._armed = False

    def __call__(self, step: Step) -> None:
        if self._armed and not step.decision.armed:
            self.reasons += [stop.reason for stop in step.decision.stops[:1]]
        self._armed = step.decision.armed


def record(world: World, seed: int, config: EpisodeConfig, halts: List[str]) -> Dict[str, Any]:
    """The lane-following metrics of AI-DO for one episode, and whether all went well.

    Success: driven on to the end, never off the track, no collision, and not by standing still.
    """
    truth = world.truth
    apart = np.array([abs(known.lateral_m) for known in world.truth_log]) / truth.half_width_m
    lasted = truth.survived and world.t_s - world.start_s >= config.duration_s - 1e-6
    driven = truth.distance_m >= SLOWEST_MPS * config.duration_s
    clean = truth.off_track_s == 0.0 and truth.off_track == 0 and truth.collisions == 0
    return {
        "track": world.track.seed,
        "seed": seed,
        "success": bool(lasted and driven and clean),
        "survival_s": round(min(truth.survived_s, config.duration_s), 3),
        "off_track_s": round(truth.off_track_s, 3),
        "distance_m": round(truth.distance_m, 2),
        "deviation_rel": round(float(np.median(apart)), 4),
        "deviation_max_rel": round(float(apart.max()), 4),
        "laps": truth.lap,
        "collisions": truth.collisions,
        "stops": halts,
        "simulated_s": round(world.t_s - world.start_s, 3),
    }


def _start_somewhere(world: World, seed: int) -> None:
    """Anywhere along the lane, up to a quarter of the half width and some degrees off its line."""
    random = np.random.default_rng([world.track.seed, seed, 0x57A27])
    lateral_m = random.uniform(-0.25, 0.25) * world.track.half_width_m
    world.reset(random.uniform(0.0, world.track.length_m), lateral_m, random.uniform(-0.15, 0.15))
