"""The delay of a simulated car, standing and rolling, against what it is built with."""
from __future__ import annotations

from dataclasses import replace

import pytest

from jetracer.calibrate.delay import DelayConfig, DelayMeter
from jetracer.camera.geometry import SIM_CAMERA
from jetracer.car.base import CarConfig
from jetracer.car.servo_esc import ServoEsc
from jetracer.core.errors import ConfigError, GuardError
from jetracer.safety.client import LocalGuard
from jetracer.safety.limits import Limits
from jetracer.sim.board import Board
from jetracer.sim.lockstep import Lockstep
from jetracer.sim.look import Look
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.vehicle import Vehicle, VehicleConfig
from jetracer.sim.world import World

from .stand import TRACK

CRAWL = 0.09
SEES_WHEELS = replace(Look.plain(), body="nose", wheel_step_rad=0.01, noise=2.0)


@pytest.fixture(scope="module")
def scenery():
    return Scenery(TRACK, 3, ppm=128)


def measured(scenery, look, actuator_s, camera_s, fps, config, held=lambda: True):
    renderer = Renderer(scenery, SIM_CAMERA, look, seed=1)
    world = World(TRACK, Board(), vehicle=Vehicle(VehicleConfig(actuator_delay_s=actuator_s)), renderer=renderer)
    lockstep = Lockstep(world, camera_s, fps)
    with LocalGuard(ServoEsc(world.board.bus(), CarConfig()), Limits(steering_per_s=1000.0), lockstep.clock) as guard:
        lockstep.on_tick.append(lambda _now_s: guard.tick())
        try:
            return DelayMeter(guard, lockstep, lockstep.clock, config, held).measure(), world
        finally:
            assert abs(world.board.pulse_us(1) - 1500.0) < 3.0, "left in neutral"


@pytest.mark.parametrize("throttle", [0.0, CRAWL], ids=["standing", "rolling"])
@pytest.mark.parametrize("actuator_s, camera_s, fps", [(0.02, 0.008, 30), (0.04, 0.08, 30)])
def test_the_delay_that_was_built_in(scenery, throttle, actuator_s, camera_s, fps):
    look = replace(Look.plain(), noise=2.0) if throttle else SEES_WHEELS
    config = DelayConfig(throttle=throttle)
    found, world = measured(scenery, look, actuator_s, camera_s, fps, config)
    true_s = actuator_s + camera_s + 0.5 / fps
    within_s = 0.01 if throttle else 0.005  # docs/calibrate.md says how well rolling does
    assert found.delay_s == pytest.approx(true_s, abs=within_s)
    assert max(abs(each_s - true_s) for each_s in found.each_s) < 1.0 / fps
    assert found.actuator_s == pytest.approx(actuator_s, abs=within_s)
    assert found.arrival_s == pytest.approx(camera_s, abs=1e-6)
    assert world.t_s < config.lasting_s + 2.0
    assert world.truth.distance_m < 2.5


@pytest.mark.parametrize("throttle, hint", [(0.0, "--rolling"), (CRAWL, "better light")])
def test_where_nothing_is_seen_it_says_what_to_do(scenery, throttle, hint):
    blind = replace(Look.plain(), gain=0.0)
    with pytest.raises(ConfigError, match=hint):
        measured(scenery, blind, 0.02, 0.01, 30, DelayConfig(throttle=throttle, repeats=3))


def test_letting_go_ends_it(scenery):
    turns = iter([True] * 60)
    with pytest.raises(GuardError, match="let go"):
        measured(scenery, Look.plain(), 0.02, 0.01, 30, DelayConfig(throttle=CRAWL), lambda: next(turns, False))


def test_senseless_wishes():
    with pytest.raises(ConfigError, match="3 repeats"):
        DelayConfig(repeats=1)
