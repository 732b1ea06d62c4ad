import math

import pytest

from jetracer.car.model import LOOKAHEAD_M, CarModel

CAR = CarModel()


@pytest.mark.parametrize("curvature", [-1.2, -0.3, 0.0, 0.4, 1.2])
def test_the_point_on_an_arc_is_the_point_that_the_arc_leads_to(curvature):
    x, y = CAR.point_on(curvature)
    assert math.hypot(x, y) == pytest.approx(LOOKAHEAD_M)
    assert CAR.curvature_to(x, y) == pytest.approx(curvature)


def test_no_arc_is_tighter_than_the_steering_allows():
    tightest = CAR.curvature(CAR.max_steer_rad)
    assert CAR.curvature_to(0.2, 0.5) == pytest.approx(tightest)
    assert CAR.curvature_to(0.2, -0.5) == pytest.approx(-tightest)
