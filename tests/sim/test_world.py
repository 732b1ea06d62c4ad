"""The world in virtual time: motion by registers, laps, excursions, collisions, faults of the board."""
from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from jetracer.sim.actuators import BatteryConfig
from jetracer.sim.board import Board
from jetracer.sim.faults import Faults
from jetracer.sim.pattern import PatternRenderer
from jetracer.sim.track import generate
from jetracer.sim.vehicle import Vehicle, VehicleConfig
from jetracer.sim.world import World

from .wheel import Wheel, arm


@pytest.fixture(scope="module")
def track():
    return replace(generate(7), marking="orange tape")


def make(track, faults=(), **options):
    return World(track, Board(), faults=Faults.parse(faults), renderer=PatternRenderer(32, 24), **options)


# -- motion


def test_a_world_nobody_writes_to_stands_still(track):
    world = make(track)
    world.advance(1.0)
    truth = world.truth
    assert truth.t_s == pytest.approx(1.0)
    assert (truth.speed_mps, truth.distance_m, truth.lap, truth.off_now) == (0.0, 0.0, 0, False)
    assert abs(truth.lateral_m) < 0.01
    assert truth.survived
    world.advance(0.0)
    world.advance(-1.0)
    assert world.t_s == pytest.approx(1.0)


def test_a_lap_by_registers_alone(track):
    world = make(track)
    wheel = arm(world)
    while world.truth.lap < 1:
        wheel.follow(world)
        world.advance(0.02)
        assert world.t_s < 60.0
    truth = world.truth
    assert truth.distance_m == pytest.approx(track.length_m, abs=0.05)
    assert (truth.off_track, truth.off_now, truth.off_track_s, truth.collisions) == (0, False, 0.0, 0)
    assert truth.survived_s == pytest.approx(truth.t_s)
    assert len(world.truth_log) == pytest.approx(truth.t_s * 50, rel=0.02)


def test_how_often_it_is_advanced_does_not_matter(track):
    coarse, fine = make(track), make(track)
    for world, steps in ((coarse, 1), (fine, 10)):
        wheel = arm(world)
        wheel.pulses(1600, 1600)
        for _ in range(50 * steps):
            world.advance(0.02 / steps)
    assert coarse.vehicle.pose == pytest.approx(fine.vehicle.pose, abs=1e-6)


def test_driving_backwards_makes_no_lap(track):
    world = make(track)
    wheel = arm(world)
    wheel.pulses(1500, 1000)
    world.advance(1.0)
    assert world.truth.distance_m < -0.3
    assert world.truth.lap == 0


def test_other_channels(track):
    world = make(track, steering_channel=5, throttle_channel=6)
    arm(world).pulses(1600, 1700)
    world.advance(1.0)
    assert world.truth.speed_mps == 0.0


# -- the referee


def test_leaving_the_lane_counts_once_and_ends_in_being_caught(track):
    world = make(track)
    wheel = arm(world)
    wheel.pulses(1000, 1600)
    while world.t_s < 10.0:
        world.advance(0.02)
        if world.truth.off_now and world.truth.survived:
            assert track.half_width_m - 0.03 < abs(world.truth.lateral_m) < track.half_width_m + 0.31
    truth = world.truth
    assert truth.off_track == 1
    assert truth.off_now
    assert not truth.survived
    assert truth.speed_mps == 0.0
    assert abs(truth.lateral_m) == pytest.approx(track.half_width_m + 0.5, abs=0.05)
    assert truth.off_track_s == pytest.approx(10.0 - truth.survived_s, abs=1.0)
    world.reset()
    assert world.truth.survived
    assert not world.truth.off_now
    wheel.pulses(1500, 1600)
    world.advance(0.5)
    assert world.truth.speed_mps > 0.3


def test_one_excursion_while_the_car_wobbles_along_the_edge(track):
    world = make(track)
    x, y, _ = track.pose_at(1.0, track.half_width_m)
    nx, ny = np.subtract(track.pose_at(1.0, 1.0)[:2], track.pose_at(1.0, 0.0)[:2])
    for wobble_m in (0.01, -0.01, 0.01, -0.01):
        world.referee.look(x + wobble_m * nx, y + wobble_m * ny, 0.1)
    assert world.referee.off_track == 1
    assert world.referee.off_track_s == pytest.approx(0.4)
    world.referee.look(x - 0.1 * nx, y - 0.1 * ny, 0.1)
    assert not world.referee.off_now
    world.referee.look(x + 0.1 * nx, y + 0.1 * ny, 0.1)
    assert world.referee.off_track == 2
    assert world.referee.survived


def test_a_short_cut_across_the_floor_makes_no_way(track):
    world = make(track)
    for s_m in (0.0, track.length_m / 2, 0.0, track.length_m / 2, 0.0):
        world.referee.look(*track.pose_at(s_m)[:2], 0.1)
    assert abs(world.referee.distance_m) < 0.5


def test_walls_keep_the_body_in_and_count_a_touch_once(track):
    world = make(replace(track, marking="walls"))
    wheel = arm(world)
    wheel.pulses(2000, 1600)
    world.advance(0.8)
    assert world.truth.collisions == 1
    fast_mps = 6.0 * (0.2 - 0.05) / 0.95
    assert world.truth.speed_mps < 0.9 * fast_mps
    for _ in range(200):
        world.advance(0.02)
        assert abs(world.truth.lateral_m) < track.half_width_m - 0.1
    assert world.truth.off_track == 0
    assert world.truth.collisions >= 1
    assert world.truth.survived


def test_start_anywhere(track):
    world = make(track)
    world.reset(2.0, 0.1, 0.2)
    truth = world.truth
    assert truth.s_m == pytest.approx(2.0, abs=0.02)
    assert truth.lateral_m == pytest.approx(0.1, abs=0.01)
    assert math.remainder(truth.yaw_rad - track.pose_at(2.0)[2], 2 * math.pi) == pytest.approx(0.2)


# -- faults of the board


def test_brown_out_stops_the_car_until_the_chip_is_set_up_again(track):
    world = make(track, ["brown_out@1+0.2"])
    wheel = arm(world)
    wheel.pulses(1500, 1600)
    world.advance(0.55)
    world.advance(0.1)
    assert world.truth.speed_mps > 0.3
    world.advance(0.01)
    while world.t_s < 1.1:
        world.advance(0.01)
    assert world.board.outputs()[1] == 0.0
    with pytest.raises(OSError, match="Remote I/O"):
        wheel.pulses(1500, 1600)
    world.advance(0.2)
    world.advance(0.01)
    assert world.board.brown_outs == 1
    assert world.board.outputs()[1] == 0.0
    wheel.switch_on()
    world.advance(0.4)
    wheel.pulses(1500, 1600)
    world.advance(1.0)
    assert world.truth.speed_mps > 0.3


def test_a_nak_leaves_the_last_pulses_on(track):
    world = make(track, ["i2c_nak@0.5"])
    wheel = arm(world)
    wheel.pulses(1500, 1600)
    world.advance(0.2)
    world.advance(0.2)
    with pytest.raises(OSError, match="Remote I/O"):
        wheel.pulses(1500, 1500)
    world.advance(0.5)
    assert world.truth.speed_mps > 0.5  # this is what the second layer of safety is for


def test_a_weak_battery_browns_the_board_out_when_the_motor_pulls(track):
    battery = BatteryConfig(charge=0.3, brown_out_v=9.8)
    world = make(track, vehicle=Vehicle(VehicleConfig(battery=battery)))
    wheel = arm(world)
    assert world.board.brown_outs == 0
    wheel.pulses(1500, 2000)
    world.advance(0.05)
    assert world.board.brown_outs > 0
    assert world.board.outputs() == [0.0] * 16


def test_the_board_measures_the_battery(track):
    world = make(track)
    world.advance(0.1)
    high, low = world.board.bus().read_i2c_block_data(0x41, 0x02, 2)
    assert (high << 8 | low) >> 3 == round(world.truth.battery_v / 4e-3)


def test_a_car_that_had_power_before_the_start_is_armed_and_nothing_else_has_happened(track):
    world = make(track, ["black@0"])
    wheel = Wheel(world.board)
    world.begin(100.0, powered_s=0.5)
    assert world.truth_log == []
    assert (world.t_s, world.start_s) == (pytest.approx(100.0), 100.0)
    wheel.pulses(1500, 1600)
    world.advance(0.5)
    assert world.truth.speed_mps > 0.3
    assert world.truth_log[0].t_s >= 100.0
