"""Cars as people build them are found out to 1 %, and the same again when asked again."""
from __future__ import annotations

import math

import pytest

from jetracer.calibrate.found import Found, kit_values
from jetracer.calibrate.readout import find_all
from jetracer.car.base import CarConfig
from jetracer.car.servo_esc import ServoEsc
from jetracer.core.config import merge
from jetracer.core.types import Command
from jetracer.sim.vehicle import VehicleConfig

from .stand import SIMULATED, stand, truth

NVIDIA = CarConfig(steering_gain=-0.65, throttle_gain=0.8, steering_min_us=750.0, steering_max_us=2250.0,
                   throttle_min_us=750.0, throttle_max_us=2250.0)


def found_on(build, car=SIMULATED, noise=0):
    with stand(build, car, noise) as car_on_stand:
        car_on_stand.bench.arm()
        found = find_all(car_on_stand.bench, car_on_stand.look, lambda _text: None)
        assert abs(car_on_stand.board.pulse_us(1) - 1500.0) < 30.0, "left in neutral"
        return found, car_on_stand.world.t_s


@pytest.mark.parametrize("car", [CarConfig(), NVIDIA], ids=["simulated", "nvidia"])
@pytest.mark.parametrize("seed", range(8))
def test_within_one_percent_of_the_truth_and_of_itself(seed, car):
    build = VehicleConfig.random(seed, lifted=True)
    first, took_s = found_on(build, car, noise=2 * seed + 1)
    again, _ = found_on(build, car, noise=2 * seed + 2)
    tolerances_us = [0.01 * abs(build.servo.half_range_us)] * 3 + [0.01 * abs(build.esc.half_range_us)] * 2
    names = ("centre", "right", "left", "forward", "backward")
    for name, true_us, tolerance_us in zip(names, truth(build), tolerances_us):
        one, two = getattr(first, name), getattr(again, name)
        if true_us is None:
            assert one is None and two is None
        else:
            assert one == pytest.approx(true_us, abs=tolerance_us), name
            assert one == pytest.approx(two, abs=tolerance_us), name
    assert first.reverse == again.reverse == build.esc.reverse
    assert took_s < 60.0


def test_the_kit_that_follows_steers_straight_and_to_both_ends():
    build = VehicleConfig.random(5, lifted=True)
    found, _ = found_on(build)
    car = merge(CarConfig(), kit_values(found, CarConfig())["car"])
    with stand(build, car) as calibrated:
        driver = ServoEsc(calibrated.board.bus(), car)
        for steering in (0.0, 1.0, -1.0, 0.5):
            driver.apply(Command(steering, 0.0))
            calibrated.world.advance(0.6)
            angle = -calibrated.look()[0]
            assert angle == pytest.approx(-steering * 0.4189, abs=0.01 * 0.4189 + 0.003)


def test_never_beyond_the_kits_limits():
    build = VehicleConfig.random(1, lifted=True)
    narrow = CarConfig(steering_min_us=1400.0, steering_max_us=1600.0)
    seen = []
    with stand(build, narrow) as car_on_stand:
        car_on_stand.on_tick.append(lambda _now_s: seen.append(car_on_stand.board.pulse_us(0)))
        car_on_stand.bench.arm()
        find_all(car_on_stand.bench, car_on_stand.look, lambda _text: None)
        throttle_us = [abs(car_on_stand.bench.throttle.amount(step) - 1500.0)
                       for step in (car_on_stand.bench.throttle.low, car_on_stand.bench.throttle.high)]
    assert min(seen) >= 1400.0 - 2.5 and max(seen) <= 1600.0 + 2.5
    assert max(throttle_us) <= 120.0


def test_dc_motors_have_a_dead_band_in_duty():
    car = CarConfig(name="dc_motors", throttle_gain=0.8)
    values = kit_values(Found(forward=0.12, backward=-0.16), car)
    assert "throttle_offset" not in values["car"]
    assert values["control"]["car"]["motor"]["dead_band"] == pytest.approx(0.2)
    assert kit_values(Found(forward=-0.12), car)["car"]["throttle_gain"] == -0.8


def test_no_number_is_finer_than_a_tenth_of_a_microsecond():
    found = Found(centre=1518.01234, right=1107.76543, left=1928.46913, forward=1460.13579, backward=1514.97531)
    values = kit_values(found, CarConfig())  # whose gains are two thirds
    numbers = [*values["car"].values(), values["control"]["car"]["motor"]["dead_band"]]
    assert len(numbers) == 7 and all(round(number, 4) == number for number in numbers)
    assert values["car"]["throttle_gain"] == -0.6667 and values["car"]["steering_max_us"] == 1928.5


def test_what_was_left_out_stays_as_the_kit_has_it():
    assert kit_values(Found(), NVIDIA) == {"car": {}}
    only_right = kit_values(Found(right=1900.0), NVIDIA)["car"]
    assert only_right == {"steering_gain": pytest.approx(400 / 750, abs=1e-4), "steering_max_us": 1900.0}
    assert math.isfinite(only_right["steering_gain"])
