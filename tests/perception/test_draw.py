from __future__ import annotations

import numpy as np
import pytest

from jetracer.core.types import AUTOMATIC, NEUTRAL, Aim, Command, Decision, Frame, Pilot, Scene, Step, Stop
from jetracer.perception.draw import AMBER, BLUE, GREEN, describe_stops, overlay

GROUND = np.full((224, 224, 3), 128, np.uint8)


def step(*, sent=NEUTRAL, wanted=NEUTRAL, aim=None, confidence=1.0, stops=(), armed=True) -> Step:
    return Step(
        Frame(GROUND, 1.0, 0), Scene(1.0, aim, confidence=confidence), Pilot(mode=AUTOMATIC), wanted,
        Decision(sent, tuple(stops), armed, 1.03), 1.03,
    )


def area(canvas: np.ndarray, color, rows=slice(None), columns=slice(None)) -> int:
    return int((canvas[rows, columns] == np.array(color)).all(axis=-1).sum())


def test_draws_on_a_larger_copy():
    before = GROUND.copy()
    assert overlay(GROUND, step()).shape == (448, 448, 3)
    assert overlay(GROUND, step(), scale=3).shape == (672, 672, 3)
    np.testing.assert_array_equal(GROUND, before)


@pytest.mark.parametrize("shape", [(120, 160, 3), (224, 224, 3), (480, 640, 3), (16, 16, 3)])
def test_any_size(shape):
    picture = overlay(np.zeros(shape, np.uint8), step(aim=Aim(1, 1), stops=[Stop("estop", "x" * 300)]))
    assert picture.shape == (2 * shape[0], 2 * shape[1], 3)


@pytest.mark.parametrize("steering, side", [(0.8, slice(230, None)), (-0.8, slice(0, 218))])
def test_the_steering_bar_grows_to_the_side_the_car_steers_to(steering, side):
    picture = overlay(GROUND, step(sent=Command(steering, 0.0)))
    bottom = slice(410, None)
    assert area(picture, BLUE, bottom, side) > 500
    assert area(picture, BLUE, bottom) - area(picture, BLUE, bottom, side) < 100


def test_the_throttle_bar_grows_up_for_forward():
    right = slice(400, None)
    forward = overlay(GROUND, step(sent=Command(0.0, 0.5), armed=False))
    reverse = overlay(GROUND, step(sent=Command(0.0, -0.5), armed=False))
    assert area(forward, GREEN, slice(100, 222), right) > 300
    assert area(reverse, AMBER, slice(226, 350), right) > 300


def test_the_aim_is_where_it_is_and_its_colour_tells_confidence():
    picture = overlay(GROUND, step(aim=Aim(-0.5, -0.5), armed=False))
    assert area(picture, GREEN, slice(92, 132), slice(92, 132)) > 50
    picture = overlay(GROUND, step(aim=Aim(0.5, 0.0), confidence=0.2, armed=False))
    assert area(picture, AMBER, slice(204, 244), slice(316, 356)) > 50


def test_nan_in_what_was_wanted_is_drawn_as_nothing():
    overlay(GROUND, step(wanted=Command(float("nan"), float("inf"))))


def test_every_stop_gets_a_red_band():
    def red_rows(stops):
        picture = overlay(GROUND, step(stops=stops)).astype(int)
        return int(((picture[:, 440, 2] - picture[:, 440, 0]) > 80).sum())

    assert red_rows([]) == 0
    assert red_rows([Stop("estop")]) == 26
    assert red_rows([Stop("estop"), Stop("stale_frame", "0.3 s old")]) == 52


def test_stops_in_words():
    stops = [Stop("stale_frame", "0.31 s old"), Stop("estop")]
    assert describe_stops(step(stops=stops)) == ("stale frame: 0.31 s old", "estop")
