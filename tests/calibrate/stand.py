"""A simulated car on a stand, in lockstep: its guard, its bench, and what eyes would see of it."""
from __future__ import annotations

import random
from contextlib import contextmanager
from types import SimpleNamespace

from jetracer.calibrate.bench import Bench, bench_limits
from jetracer.calibrate.scale import trial_car
from jetracer.car.base import CarConfig, make_car
from jetracer.safety.client import LocalGuard
from jetracer.safety.limits import Limits
from jetracer.sim.board import Board
from jetracer.sim.lockstep import Lockstep
from jetracer.sim.track import generate
from jetracer.sim.vehicle import Vehicle, VehicleConfig
from jetracer.sim.world import World

TRACK = generate(3)
SIMULATED = CarConfig()


@contextmanager
def stand(build: VehicleConfig, car: CarConfig = SIMULATED, noise: int = 0):
    """`noise` seeds that of the read-out, 0.05 degrees and 1 mm/s; 0: none."""
    world = World(TRACK, Board(), vehicle=Vehicle(build), renderer=object())
    lockstep = Lockstep(world, fps=1)
    chance = random.Random(noise)
    errors = (0.001, 0.001) if noise else (0.0, 0.0)

    def look():
        return (-world.vehicle.steering_rad + chance.gauss(0.0, errors[0]),
                world.vehicle.speed_mps + chance.gauss(0.0, errors[1]))

    driver = make_car(world.board.bus(), trial_car(car))
    with LocalGuard(driver, bench_limits(car, Limits()), lockstep.clock) as guard:
        lockstep.on_tick.append(lambda _now_s: guard.tick())
        yield SimpleNamespace(bench=Bench(guard, car, lockstep.clock), guard=guard, world=world, look=look,
                              clock=lockstep.clock, on_tick=lockstep.on_tick, board=world.board)


def truth(build: VehicleConfig):
    """The pulses at which it is so: centre, right, left, forward, backward (None: it never drives backward)."""
    servo, esc = build.servo, build.esc
    back = None if esc.reverse == "none" else esc.centre_us - esc.half_range_us * esc.reverse_dead_band
    return (servo.centre_us, servo.centre_us + servo.half_range_us, servo.centre_us - servo.half_range_us,
            esc.centre_us + esc.half_range_us * esc.dead_band, back)
