"""The simulated car: its dynamics against CommonRoad's own code, its actuators against what hobby parts do."""
from __future__ import annotations

import math

import pytest

from jetracer.sim.actuators import BatteryConfig, EscConfig
from jetracer.sim.single_track import Chassis, SingleTrack
from jetracer.sim.vehicle import Vehicle, VehicleConfig

STEP_S = 0.002


def run(vehicle, seconds, servo_us=1500.0, esc_us=1500.0):
    for _ in range(round(seconds / STEP_S)):
        vehicle.step(STEP_S, servo_us, esc_us)
    return vehicle


def armed(**options):
    return run(Vehicle(VehicleConfig(**options)), 0.4)


# -- dynamics


def common_road(chassis):
    parameters = pytest.importorskip("vehiclemodels.parameters_vehicle2").parameters_vehicle2()
    parameters.a, parameters.b = chassis.cg_to_front_m, chassis.cg_to_rear_m
    parameters.h_s, parameters.m, parameters.I_z = chassis.cg_height_m, chassis.mass_kg, chassis.inertia_kgm2
    parameters.tire.p_dy1 = chassis.friction
    parameters.tire.p_ky1 = -chassis.stiffness_front * chassis.friction
    parameters.steering.v_min, parameters.steering.v_max = -3.2, 3.2
    return parameters


def runge_kutta(slopes, state, dt_s):
    a = slopes(state)
    b = slopes([s + dt_s / 2 * k for s, k in zip(state, a)])
    c = slopes([s + dt_s / 2 * k for s, k in zip(state, b)])
    d = slopes([s + dt_s * k for s, k in zip(state, c)])
    return [s + dt_s / 6 * (k1 + 2 * k2 + 2 * k3 + k4) for s, k1, k2, k3, k4 in zip(state, a, b, c, d)]


@pytest.mark.parametrize("speed_mps", [0.8, 2.0, 4.0])
def test_the_single_track_model_moves_as_common_roads(speed_mps):
    # CommonRoad has one tyre stiffness for both axles
    chassis = Chassis(stiffness_front=5.0, stiffness_rear=5.0)
    parameters = common_road(chassis)
    model = pytest.importorskip("vehiclemodels.vehicle_dynamics_st").vehicle_dynamics_st
    ours = SingleTrack(chassis)
    ours.place(0.0, 0.0, 0.3, speed_mps)
    theirs = [0.0, 0.0, 0.0, speed_mps, 0.3, 0.0, 0.0]
    for i in range(1000):
        rate, accel = 0.6 * math.cos(i / 130), 0.4 * math.sin(i / 150)
        ours.step(STEP_S, rate / speed_mps, accel)
        inputs = [rate / speed_mps, accel]
        theirs = runge_kutta(lambda state, inputs=inputs: model(state, inputs, parameters), theirs, STEP_S)
    state = [ours.x_m, ours.y_m, ours.steering_rad, ours.speed_mps]
    state += [ours.yaw_rad, ours.yaw_rate_rps, ours.slip_rad]
    assert abs(ours.yaw_rad - 0.3) > 0.05
    assert state == pytest.approx(theirs, abs=1e-4)


def test_the_kinematic_and_the_dynamic_part_meet():
    slow, fast = SingleTrack(), SingleTrack()
    for model, speed_mps in ((slow, 0.499), (fast, 0.502)):
        model.place(0.0, 0.0, 0.0, speed_mps)
        model.steering_rad = 0.2
        for _ in range(1000):
            model.step(STEP_S, 0.0, 0.0)
    assert fast.yaw_rate_rps == pytest.approx(slow.yaw_rate_rps, rel=0.02)
    assert fast.slip_rad == pytest.approx(slow.slip_rad, rel=0.05)


def test_full_lock_at_walking_pace_is_a_circle_of_the_bicycle_s_radius():
    model = SingleTrack()
    model.place(0.0, 0.0, 0.0, 0.4)
    model.steering_rad = 0.4189
    model.step(STEP_S, 0.0, 0.0)
    rear_radius = model.speed_mps * math.cos(model.slip_rad) / model.yaw_rate_rps
    assert rear_radius == pytest.approx(0.3302 / math.tan(0.4189))


def test_tyres_give_no_more_than_their_friction():
    model = SingleTrack()
    model.place(0.0, 0.0, 0.0, 6.0)
    model.steering_rad = 0.4189
    course = model.yaw_rad + model.slip_rad
    for _ in range(500):
        model.step(STEP_S, 0.0, 0.0)
        before, course = course, model.yaw_rad + model.slip_rad
        assert abs(course - before) / STEP_S * 6.0 <= 1.0489 * 9.81 + 1e-6


# -- actuators


def test_full_right_turns_right_no_faster_than_the_servo_can():
    vehicle = run(Vehicle(), 0.02 + 0.1, servo_us=2000.0)
    assert vehicle.steering_rad == pytest.approx(-0.32, abs=0.01)
    run(vehicle, 0.1, servo_us=2000.0)
    assert vehicle.steering_rad == pytest.approx(-0.4189)
    run(vehicle, 0.5, servo_us=2150.0)
    assert vehicle.steering_rad == pytest.approx(-0.4189)  # its end stop
    run(vehicle, 0.5, servo_us=0.0)
    assert vehicle.steering_rad == pytest.approx(-0.4189)  # no pulses: it stays
    run(vehicle, 0.5, servo_us=1250.0)
    assert vehicle.steering_rad == pytest.approx(0.20945)


def test_pulses_act_after_the_delay():
    vehicle = run(Vehicle(), 0.018, servo_us=1800.0)
    assert vehicle.steering_rad == 0.0
    run(vehicle, 0.006, servo_us=1800.0)
    assert vehicle.steering_rad < 0.0


@pytest.mark.parametrize("before_us", [0.0, 1700.0])
def test_an_esc_that_saw_no_neutral_does_not_drive(before_us):
    vehicle = run(Vehicle(), 1.0, esc_us=before_us)
    run(vehicle, 1.0, esc_us=1700.0)
    assert vehicle.speed_mps == 0.0
    run(vehicle, 0.4)
    assert run(vehicle, 0.3, esc_us=1700.0).speed_mps > 0.5


def test_speed_follows_the_motor_curve():
    vehicle = run(armed(battery=BatteryConfig(open_v=12.0, resistance_ohm=0.0)), 0.42, esc_us=1700.0)
    steady_mps = 6.0 * (0.4 - 0.05) / 0.95
    assert vehicle.speed_mps == pytest.approx(steady_mps * (1 - math.exp(-1)), rel=0.02)
    assert run(vehicle, 4.0, esc_us=1700.0).speed_mps == pytest.approx(steady_mps, rel=0.01)
    x, y, yaw = vehicle.pose
    assert x > 5.0
    assert (y, yaw) == (0.0, 0.0)


def test_the_dead_band_moves_nothing():
    assert run(armed(), 1.0, esc_us=1524.0).speed_mps == 0.0
    assert run(armed(), 1.0, esc_us=1535.0).speed_mps > 0.0


def test_neutral_lets_the_car_roll_to_a_stop():
    vehicle = run(armed(), 1.0, esc_us=1600.0)
    rolling_mps = vehicle.speed_mps
    assert 0.0 < run(vehicle, 0.3).speed_mps < rolling_mps
    assert run(vehicle, 3.0).speed_mps == 0.0


def test_reverse_brakes_first_and_drives_back_only_after_neutral():
    vehicle = run(armed(), 1.0, esc_us=1700.0)
    forward_mps = vehicle.speed_mps
    run(vehicle, 0.32, esc_us=1000.0)
    assert forward_mps - vehicle.speed_mps == pytest.approx(min(forward_mps, 0.3 * 6.0), rel=0.1)
    assert run(vehicle, 1.0, esc_us=1000.0).speed_mps == 0.0
    run(vehicle, 0.1)
    assert run(vehicle, 1.0, esc_us=1000.0).speed_mps < -1.0
    assert vehicle.pose[2] == pytest.approx(0.0)


def test_steering_works_the_right_way_round_in_reverse():
    vehicle = run(armed(), 1.0, servo_us=2000.0, esc_us=1200.0)
    assert vehicle.speed_mps < -0.3
    assert vehicle.pose[2] > 0.1  # backwards with the wheels to the right the nose swings left


def test_lost_pulses_disarm():
    vehicle = run(armed(), 0.5, esc_us=1700.0)
    run(vehicle, 0.1, esc_us=0.0)
    speed_mps = vehicle.speed_mps
    assert run(vehicle, 0.2, esc_us=1700.0).speed_mps < speed_mps
    assert not vehicle.esc.armed


def test_the_battery_sags_under_load_and_runs_down():
    vehicle = armed()
    idle_v = vehicle.battery.volts
    run(vehicle, 0.05, esc_us=2000.0)
    assert vehicle.battery.volts < idle_v - 0.5
    assert vehicle.battery.amps > 10.0
    run(vehicle, 3.0)
    assert vehicle.battery.volts == pytest.approx(idle_v, abs=0.01)
    small = armed(battery=BatteryConfig(capacity_ah=0.002))
    run(small, 20.0)
    assert small.battery.charge == 0.0
    assert small.battery.volts < 9.6
    fast, slow = (run(v, 3.0, esc_us=1800.0).speed_mps for v in (armed(), small))
    assert slow < 0.85 * fast


def test_brown_out_is_a_question_of_voltage():
    vehicle = armed(battery=BatteryConfig(brown_out_v=11.5), esc=EscConfig(arm_s=0.1))
    assert not vehicle.battery.browned_out
    assert run(vehicle, 0.05, esc_us=2000.0).battery.browned_out


def test_place_puts_the_rear_axle():
    vehicle = Vehicle()
    vehicle.place(1.0, 2.0, math.pi / 2, 1.5)
    assert vehicle.pose == pytest.approx((1.0, 2.0, math.pi / 2))
    assert vehicle.cg == pytest.approx((1.0, 2.17145))
    assert vehicle.speed_mps == 1.5
