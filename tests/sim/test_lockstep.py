"""Pictures and time in lockstep: exposure, delivery, faults of the camera, virtual clocks."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraTimeout, ConfigError
from jetracer.core.rate import Rate
from jetracer.sim.board import Board
from jetracer.sim.faults import Faults
from jetracer.sim.lockstep import Lockstep
from jetracer.sim.pattern import PatternRenderer
from jetracer.sim.sensor import Delivery, Sensor
from jetracer.sim.track import generate
from jetracer.sim.world import World

from .wheel import Wheel, arm

FPS = 30.0


@pytest.fixture(scope="module")
def track():
    return replace(generate(7), marking="orange tape")


def make(track, faults=(), **options):
    return World(track, Board(), faults=Faults.parse(faults), renderer=PatternRenderer(32, 24), **options)


# -- pictures


def test_a_shot_is_the_moment_it_was_taken(track):
    world = make(track)
    shot = world.shot()
    arm(world).pulses(1500, 1700)
    picture = world.render()
    world.advance(1.0)
    assert np.array_equal(world.render(shot)[1:], picture[1:])  # the first row counts pictures
    assert not np.array_equal(world.render()[1:], picture[1:])
    assert picture.shape == (24, 32, 3)
    assert picture.dtype == np.uint8


def frames(world, count, **options):
    """What the camera of a car that drives round delivers."""
    wheel = arm(world)
    wheel.pulses(1500, 1600)
    world.advance(0.2)
    world.begin(0.0)
    lockstep = Lockstep(world, fps=FPS, **options)
    taken = []
    for _ in range(count):
        taken.append(lockstep.read(1.0))
        wheel.follow(world)
    return taken


def test_black_and_frozen_pictures(track):
    world = make(track, ["black@0.4+0.2", "frozen@0.8+0.4"])
    taken = frames(world, 45)
    for frame in taken:
        assert frame.image.any() != (0.4 <= frame.t_s < 0.6)
    same = [np.array_equal(a.image, b.image) for a, b in zip(taken, taken[1:])]
    frozen = [0.8 <= frame.t_s < 1.2 for frame in taken[1:]]
    assert sum(frozen) >= 11
    assert all(repeated for repeated, stuck in zip(same, frozen) if stuck)
    assert np.diff([frame.t_s for frame in taken]) == pytest.approx(1 / FPS)  # the sensor's clock goes on


def test_a_lost_camera_times_out_and_comes_back(track):
    world = make(track, ["lost@0.5+1"])
    lockstep = Lockstep(world, fps=FPS)
    while lockstep.read(0.1).t_s < 0.5 - 1.5 / FPS:
        pass
    with pytest.raises(CameraTimeout, match=r"no frame within 0\.50 s"):
        lockstep.read(0.5)
    assert lockstep.clock.now_s() == pytest.approx(world.t_s)
    frame = lockstep.read(1.0)
    assert 1.5 <= frame.t_s < 1.5 + 1.5 / FPS
    assert frame.seq == pytest.approx(1.5 * FPS, abs=1)


def test_dropped_repeated_and_late_frames(track):
    world = make(track)
    taken = frames(world, 400, delivery=Delivery(jitter_s=0.004, drop=0.1, repeat=0.1), seed=3)
    lost = taken[-1].seq - taken[0].seq + 1 - len(taken)
    assert 20 < lost < 80
    assert 20 < sum(np.array_equal(a.image, b.image) for a, b in zip(taken, taken[1:])) < 80
    off = np.array([frame.t_s - frame.seq / FPS for frame in taken])
    assert 0.002 < off.std() < 0.006
    assert abs(off.mean()) < 0.002


@pytest.mark.parametrize("values", [{"drop": 1.0}, {"repeat": -0.1}, {"jitter_s": -1.0}])
def test_deliveries_that_make_no_sense(values):
    with pytest.raises(ConfigError, match="makes no sense"):
        Delivery(**values)


def test_a_camera_rate_that_makes_no_sense(track):
    with pytest.raises(ConfigError, match="0 frames per second"):
        Sensor(make(track), fps=0)


# -- lockstep


def test_frames_arrive_after_their_latency_newest_first(track):
    world = make(track, t_s=50.0)
    lockstep = Lockstep(world, latency_s=0.08, fps=FPS)
    frame = lockstep.read(1.0)
    assert (frame.t_s, frame.seq) == (50.0, 0)
    assert lockstep.clock.now_s() == pytest.approx(50.08)
    frame = lockstep.read(1.0)
    assert frame.seq == 1
    assert frame.age_s(lockstep.clock.now_s()) == pytest.approx(0.08)
    lockstep.clock.advance(0.5)
    late = lockstep.read(1.0)
    assert late.seq > 10
    assert late.age_s(lockstep.clock.now_s()) < 0.08 + 1 / FPS
    with pytest.raises(CameraTimeout):
        lockstep.read(0.0)


def test_the_guard_ticks_between_frames_and_rates_live_on_the_same_time(track):
    lockstep = Lockstep(make(track), fps=10.0)
    ticks = []
    lockstep.on_tick.append(ticks.append)
    rate = Rate(20.0, lockstep.clock)
    for _ in range(20):
        assert rate.wait() == pytest.approx(0.0, abs=1e-9)
    assert lockstep.clock.now_s() == pytest.approx(1.0)
    assert isinstance(lockstep.clock, FakeClock)
    assert ticks == pytest.approx([0.01 * (k + 1) for k in range(100)])


def test_lockstep_runs_are_the_same_every_time(track):
    def drive():
        world = make(track)
        wheel = Wheel(world.board)
        lockstep = Lockstep(world, latency_s=0.05, fps=FPS, delivery=Delivery(jitter_s=0.002, drop=0.05), seed=9)
        for _ in range(60):
            frame = lockstep.read(1.0)
            wheel.follow(world, 1500 if frame.t_s < 0.4 else 1600)
        return world.truth

    assert drive() == drive()


def test_pictures_nobody_reads_are_not_drawn(track):
    class Counting(PatternRenderer):
        drawn = 0

        def frame(self, *pose):
            self.drawn += 1
            return super().frame(*pose)

    renderer = Counting(8, 8)
    lockstep = Lockstep(World(track, Board(), renderer=renderer), fps=FPS)
    lockstep.clock.sleep_until(5.0)
    lockstep.read(1.0)
    assert renderer.drawn == 1
