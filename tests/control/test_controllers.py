import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.car.model import LOOKAHEAD_M
from jetracer.control.aim import AimSteering
from jetracer.control.arbiter import Arbiter
from jetracer.control.base import CONTROLLERS, Coast, usable
from jetracer.control.config import AimConfig, ControlConfig
from jetracer.control.pursuit import PurePursuit
from jetracer.core.bounds import clip
from jetracer.core.clock import FakeClock
from jetracer.core.errors import ConfigError, UnknownName
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, NEUTRAL, Aim, Command, Pilot, Scene

ANY = st.floats(allow_nan=True, allow_infinity=True, width=32)
BOTH = pytest.mark.parametrize("kind", CONTROLLERS.names)


def scene_at(x_m, y_m, t_s=0.0, confidence=1.0):
    return Scene(t_s, SIM_CAMERA.aim_from_ground(x_m, y_m), (), confidence)


CAR = ControlConfig().car


def pursuit(config=None):
    clock = FakeClock()
    return PurePursuit(config, SIM_CAMERA, clock), clock


def test_an_aim_straight_ahead_is_driven_straight_and_forward():
    command = pursuit()[0].decide(scene_at(LOOKAHEAD_M, 0.0), 0.0)
    assert command.steering == pytest.approx(0.0, abs=1e-6)
    assert 0.0 < command.throttle < 0.6


@BOTH
def test_an_aim_to_the_right_steers_right_and_to_the_left_left(kind):
    controller = CONTROLLERS.create(kind, None, SIM_CAMERA, clock=FakeClock())
    assert controller.decide(scene_at(0.65, -0.2), 0.0).steering > 0.2
    controller.reset()
    assert controller.decide(scene_at(0.65, 0.2), 0.0).steering < -0.2


@pytest.mark.parametrize("radius", [1.0, -1.0, 1.5, -4.0])
def test_the_centre_of_a_car_on_a_circle_stays_on_it(radius):
    """The car's centre is on the circle, the aim too: the steering must be the circle's own."""
    rear = math.copysign(math.sqrt(radius ** 2 - CAR.centre_m ** 2), radius)
    y = (LOOKAHEAD_M ** 2 - CAR.centre_m ** 2) / (2.0 * rear)
    x = math.sqrt(LOOKAHEAD_M ** 2 - y ** 2)
    steering = pursuit()[0].decide(scene_at(x, y), 0.0).steering
    assert steering == pytest.approx(CAR.steering(1.0 / rear), abs=1e-3)


def test_the_steering_is_at_its_stop_before_the_aim_leaves_the_picture():
    tightest = CAR.curvature(CAR.max_steer_rad)
    full = math.asin(tightest * (LOOKAHEAD_M ** 2 - CAR.centre_m ** 2) / 2.0 / LOOKAHEAD_M)
    assert SIM_CAMERA.aim_from_ground(LOOKAHEAD_M * math.cos(full), LOOKAHEAD_M * math.sin(full)) is not None
    assert pursuit()[0].decide(Scene(0.0, Aim(1.0, 0.0), (), 1.0), 0.0).steering == 1.0


def test_an_old_frame_is_corrected_by_the_way_driven_since():
    """Driving a circle, the frame 100 ms old: the answer is the same as without delay."""
    steering = 0.5
    curvature = -math.tan(steering * CAR.max_steer_rad) / CAR.wheelbase_m
    y = curvature * (LOOKAHEAD_M ** 2 - CAR.centre_m ** 2) / 2.0
    scene = scene_at(math.sqrt(LOOKAHEAD_M ** 2 - y ** 2), y, t_s=9.0)
    wrong = {}
    for known in (True, False):
        rolling = replace(CAR, rear_slip=0.0, understeer=0.0)
        controller, clock = pursuit(replace(ControlConfig(), car=rolling))
        for turn in range(271):
            if known:
                controller.sent(Command(steering, CAR.motor.throttle(1.0)), turn / 30)
        clock.sleep_until(9.1)
        wrong[known] = controller.decide(scene, 1 / 30).steering - steering
    assert abs(wrong[True]) < 0.03
    # What stands still has driven no way: the aim is taken as it was seen.
    assert wrong[False] == pytest.approx(0.0, abs=1e-3)


def test_delay_makes_a_car_that_swings_in_straighten_out():
    controller, clock = pursuit()
    for turn in range(271):
        controller.sent(Command(1.0, CAR.motor.throttle(1.5)), turn / 30)
    clock.sleep_until(9.1)
    late = controller.decide(scene_at(0.65, -0.2, t_s=9.0), 1 / 30).steering
    fresh = pursuit()[0].decide(scene_at(0.65, -0.2), 0.0).steering
    assert late < fresh


def test_an_aim_above_the_horizon_falls_back_to_nvidias_steering():
    controller, _ = pursuit()
    assert SIM_CAMERA.ground_from_aim(Aim(0.3, -0.9)) is None
    assert controller.decide(Scene(0.0, Aim(0.3, -0.9), (), 1.0), 0.0).steering == pytest.approx(0.3)


@BOTH
@pytest.mark.parametrize("scene", [
    Scene(0.0), Scene(0.0, Aim(0.1, 0.2), (), math.nan), Scene(0.0, Aim(math.nan, 0.2), (), 1.0),
    Scene(0.0, Aim(0.1, math.inf), (), 1.0), Scene(math.nan, Aim(0.1, 0.1), (), 1.0),
    Scene(0.0, Aim(0.1, 0.2), (), 0.1),
])
def test_without_sight_the_car_coasts_and_the_steering_fades(kind, scene):
    controller = CONTROLLERS.create(kind, None, SIM_CAMERA, clock=FakeClock())
    seen = controller.decide(Scene(0.0, Aim(0.4, 0.1), (), 1.0), 0.0)
    assert seen.throttle > 0.0
    lost = [controller.decide(scene, 0.1) for _ in range(50)]
    assert all(command.throttle == 0.0 for command in lost)
    assert lost[0].steering == pytest.approx(seen.steering * math.exp(-0.2))
    assert abs(lost[-1].steering) < 1e-3


@BOTH
@given(aim=st.tuples(ANY, ANY), confidence=ANY, dt_s=ANY, t_s=ANY, sent=st.tuples(ANY, ANY))
def test_every_command_is_finite_and_in_range(kind, aim, confidence, dt_s, t_s, sent):
    controller = CONTROLLERS.create(kind, None, SIM_CAMERA, clock=FakeClock(1.0))
    controller.sent(Command(*sent), 0.5)
    for x in (aim[0], 0.3):
        command = controller.decide(Scene(t_s, Aim(x, aim[1]), (), confidence), dt_s)
        assert -1.0 <= command.steering <= 1.0
        assert 0.0 <= command.throttle <= 1.0


def test_nvidias_steering_is_gain_times_x_plus_bias():
    steering = AimSteering(AimConfig(gain=0.5, bias=0.1))
    assert steering.steering(Aim(0.4, 0.9), 0.0) == pytest.approx(0.3)
    assert steering.steering(Aim(9.0, 0.0), 0.03) == 1.0


def test_jetbots_steering_is_p_and_d_on_the_angle():
    steering = AimSteering(AimConfig(error="angle", gain=0.5, damping=0.2))
    first, second = math.atan2(0.2, 0.25), math.atan2(0.3, 0.25)
    assert steering.steering(Aim(0.2, 0.0), 0.0) == pytest.approx(0.5 * first)
    assert steering.steering(Aim(0.3, 0.0), 1 / 30) == pytest.approx(0.5 * second + 0.2 * (second - first))


def test_a_wrong_choice_of_error_names_the_right_ones():
    with pytest.raises(ValueError, match=r"'x' .* 'angle'"):
        AimConfig(error="pixel")


def test_a_slower_planner_gives_less_throttle():
    slow = replace(ControlConfig(), speed=replace(ControlConfig().speed, max_speed_mps=0.7))
    assert pursuit(config=slow)[0].decide(scene_at(0.7, 0.0), 0.0).throttle < 0.4


def test_resetting_forgets_the_motion():
    controller, clock = pursuit()
    for turn in range(60):
        controller.sent(Command(1.0, 0.3), turn / 30)
    clock.sleep_until(2.1)
    controller.reset()
    assert controller.decide(scene_at(0.7, 0.0, t_s=2.0), 0.0).steering == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("mode, expected", [
    (MANUAL, Command(0.1, 0.2)), (ASSISTED, Command(-0.5, 0.2)), (AUTOMATIC, Command(-0.5, 0.9)),
])
def test_the_mode_says_who_steers_and_who_gives_throttle(mode, expected):
    assert Arbiter().choose(Pilot(Command(0.1, 0.2), mode=mode), Command(-0.5, 0.9)) == expected


@pytest.mark.parametrize("mode", [MANUAL, ASSISTED, AUTOMATIC])
def test_trim_and_limit_count_whoever_drives(mode):
    pilot = Pilot(Command(-0.2, 0.9), mode=mode, trim=0.1, limit=0.5)
    assert Arbiter().choose(pilot, Command(-0.2, 0.9)) == Command(pytest.approx(-0.1), 0.5)
    assert Arbiter().choose(replace(pilot, command=Command(1.0, -0.9)), Command(1.0, -0.9)) == Command(1.0, -0.5)
    chosen = Arbiter().choose(replace(pilot, command=Command(math.nan, math.nan)), Command(math.nan, math.nan))
    assert math.isnan(chosen.steering) and math.isnan(chosen.throttle), "for the gate to see"


@pytest.mark.parametrize("mode, throttle", [(MANUAL, 0.2), (ASSISTED, 0.0)])
def test_a_network_that_sees_nothing_holds_the_humans_foot_where_it_steers(mode, throttle):
    assert Arbiter().choose(Pilot(Command(0.0, 0.2), mode=mode), NEUTRAL, sees=False).throttle == throttle


def test_a_wrong_mode_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'automatic'"):
        Arbiter().choose(Pilot(mode="automatik"), NEUTRAL)


def test_clip_stops_nan_and_coast_ignores_a_bad_time():
    assert clip(math.nan) == 0.0
    assert clip(math.inf) == 1.0
    coast = Coast(0.5)
    coast.remember(0.4)
    assert coast.command(math.nan).steering == 0.4
    assert not usable(Scene(0.0, Aim(0.0, 0.0), (), 0.2), 0.25)


def test_an_unknown_controller_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'pursuit'"):
        CONTROLLERS.create("pursiut")
