import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.car.model import CarModel, MotorCurve
from jetracer.control.motion import Motion, seen_from
from jetracer.control.speed import SpeedConfig, SpeedPlanner
from jetracer.core.types import Command

UNIT = st.floats(-1.0, 1.0)


@given(st.floats(0.01, 6.0))
def test_the_throttle_for_a_speed_gives_that_speed(speed):
    curve = MotorCurve()
    assert curve.speed_mps(curve.throttle(speed)) == pytest.approx(speed)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_no_throttle_for_a_standing_car(speed):
    assert MotorCurve().throttle(speed) == 0.0


def test_the_dead_band_gives_no_speed_and_reverse_is_negative():
    curve = MotorCurve()
    assert curve.speed_mps(0.04) == 0.0
    assert curve.speed_mps(1.0) == pytest.approx(6.0)
    assert curve.speed_mps(-0.5) < 0.0


def test_speed_approaches_the_steady_speed_with_the_time_constant():
    curve = MotorCurve()
    assert curve.after(0.0, 1.0, 0.4) == pytest.approx(6.0 * (1.0 - math.exp(-1.0)))


def plan(curvature, confidence=1.0, calls=100):
    planner = SpeedPlanner()
    return [planner.plan_mps(curvature, confidence, 1 / 30) for _ in range(calls)][-1]


def test_bends_are_driven_slower_within_the_limits():
    config = SpeedConfig()
    assert plan(0.0) == config.max_speed_mps
    assert plan(1.0) == pytest.approx(math.sqrt(config.lateral_mps2))
    assert plan(-1.0) == plan(1.0)
    assert plan(100.0) == config.min_speed_mps


def test_doubt_slows_and_much_doubt_stops():
    assert plan(0.0, confidence=0.5) == pytest.approx(0.75)
    assert plan(0.0, confidence=0.2) == 0.0
    assert SpeedPlanner().throttle(0.0, 1.0) == 0.0


def test_the_plan_rises_gently_and_falls_at_once():
    planner = SpeedPlanner()
    first = planner.plan_mps(0.0, 1.0, 0.1)
    second = planner.plan_mps(0.0, 1.0, 0.1)
    assert first == pytest.approx(SpeedConfig().min_speed_mps + 0.15)
    assert second == pytest.approx(first + 0.15)
    assert planner.plan_mps(3.0, 1.0, 0.1) == pytest.approx(math.sqrt(1.8 / 3.0))
    planner.reset()
    assert planner.plan_mps(0.0, 1.0, 0.0) == SpeedConfig().min_speed_mps


def test_a_car_that_is_too_slow_gets_more_throttle_than_the_steady_one():
    planner = SpeedPlanner()
    assert planner.throttle(1.0, 0.5) > planner.throttle(1.0, 1.0) > planner.throttle(1.0, 1.5) > 0.0
    assert planner.throttle(1.0, 3.0) == 0.0


ROLLING = CarModel(rear_slip=0.0, understeer=0.0)  # wheels that go where they point


def motion_of(steering, throttle, seconds=10.0, car=ROLLING):
    motion = Motion(car)
    for turn in range(int(seconds * 30)):
        motion.sent(Command(steering, throttle), turn / 30)
    return motion


def test_a_car_that_was_sent_nothing_stands():
    motion = Motion()
    assert motion.state(5.0) == (0.0, 0.0)
    assert motion.way(1.0, 2.0) == (0.0, 0.0, 0.0)


def test_straight_driving_covers_speed_times_time():
    throttle = MotorCurve().throttle(1.5)
    x, y, yaw = motion_of(0.0, throttle).way(9.0, 9.1)
    assert x == pytest.approx(0.15, rel=1e-3)
    assert (y, yaw) == (0.0, 0.0)


def test_turning_right_drives_the_circle_of_the_bicycle():
    car = ROLLING
    x, y, yaw = motion_of(1.0, MotorCurve().throttle(1.0)).way(9.0, 9.2)
    curvature = -car.curvature(car.max_steer_rad)
    assert yaw == pytest.approx(0.2 * curvature, rel=1e-3)
    assert x == pytest.approx(math.sin(yaw) / curvature, rel=1e-3)
    assert y == pytest.approx((1.0 - math.cos(yaw)) / curvature, rel=1e-3)
    assert y < 0.0


def test_tyres_that_slip_carry_the_car_out_of_the_bend():
    throttle = MotorCurve().throttle(1.5)
    rolling, slipping = (motion_of(-0.5, throttle, car=car).way(9.0, 9.2) for car in (ROLLING, CarModel()))
    assert 0.0 < slipping[2] < rolling[2]
    assert slipping[1] < rolling[1] - 0.005
    car = CarModel()
    across_mps2 = 1.5 ** 2 * car.curvature(0.2, 1.5)
    assert car.drift_rad(0.2, 1.5) == pytest.approx(car.rear_slip * across_mps2) == -car.drift_rad(-0.2, 1.5)
    assert car.drift_rad(0.4, 50.0) == 0.2


def test_a_command_takes_effect_after_the_delay_and_the_wheels_slew():
    motion = Motion()
    motion.sent(Command(0.0, 0.0), 0.0)
    motion.sent(Command(1.0, 0.0), 1.0)
    assert motion.state(1.02)[0] == pytest.approx(0.0)
    assert motion.state(1.07)[0] == pytest.approx(-0.05 * 3.2)
    assert motion.state(2.0)[0] == pytest.approx(-0.4189)


def test_the_wheels_carry_on_from_where_they_are():
    motion = Motion()
    motion.sent(Command(1.0, 0.0), 0.0)
    motion.sent(Command(-1.0, 0.0), 0.05)
    assert motion.state(0.07)[0] == pytest.approx(-0.05 * 3.2)
    assert motion.state(0.12)[0] == pytest.approx(0.0, abs=1e-9)


def test_time_that_runs_backwards_does_no_harm_and_memory_is_bounded():
    motion = motion_of(0.2, 0.3)
    before = motion.state(20.0)
    motion.sent(Command(0.2, 0.3), 3.0)
    assert motion.state(20.0) == pytest.approx(before)
    assert len(motion._knots) <= 33
    assert motion.way(9.0, 8.0) == (0.0, 0.0, 0.0)


@given(UNIT, UNIT, UNIT, UNIT)
def test_a_point_seen_from_a_pose_keeps_its_distance(px, py, x, yaw):
    seen = seen_from((x, 0.3, yaw), px, py)
    assert math.hypot(*seen) == pytest.approx(math.hypot(px - x, py - 0.3))


def test_the_steering_of_a_curvature_is_its_inverse_and_stays_in_range():
    car = CarModel()
    assert car.steering(car.curvature(0.2)) == pytest.approx(-0.2 / 0.4189)
    assert car.steering(car.curvature(0.2, 2.0), 2.0) == pytest.approx(-0.2 / 0.4189)
    assert car.steering(99.0) == -1.0
    assert car.steering(-99.0) == 1.0
