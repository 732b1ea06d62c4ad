import math

import pytest

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.core.types import Aim, Scene
from jetracer.drive.oracle import Oracle, PoseRenderer
from jetracer.drive.sight import EDGES, Sight, bearing_rad, look, sight, told
from jetracer.sim.track import generate


def test_who_knows_the_track_makes_no_error():
    track = generate(7000)
    seen = look(track, 0, Oracle(track, SIM_CAMERA), PoseRenderer(), 30)
    assert len(seen) > 20
    assert max(one.error_px for one in seen) < 1e-6
    assert {one.steering > 0 for one in seen} == {True, False}


def test_an_error_in_pixels_and_degrees():
    one = sight(Aim(0.0, 0.1), Aim(0.25, 0.1), SIM_CAMERA)
    assert one.error_px == pytest.approx(28.0)
    left, right = (bearing_rad(Aim(x, 0.1), SIM_CAMERA) for x in (0.0, 0.25))
    assert one.error_deg == pytest.approx(math.degrees(left - right))
    assert 13.0 < one.error_deg < 20.0  # the picture's width is 120 degrees
    assert abs(one.steering) < 0.03


def test_no_answer_counts_as_the_middle_of_the_picture():
    track = generate(7000)
    silent, middle = (look(track, 0, Always(aim), PoseRenderer(), 10) for aim in (None, Aim(0.0, 0.0)))
    assert silent == middle
    assert max(one.error_px for one in silent) > 10.0


class Always:
    def __init__(self, aim):
        self.aim = aim

    def perceive(self, frame):
        return Scene(frame.t_s, self.aim)


def test_errors_by_steering():
    seen = [Sight(-0.9, 4.0, 1.0), Sight(0.0, 1.0, 0.2), Sight(0.1, 3.0, 0.6), Sight(1.0, 8.0, 2.0)]
    result = told(seen)
    assert result["pictures"] == 4
    assert result["error_px"] == {"mean": 4.0, "median": 3.5, "p90": pytest.approx(6.8)}
    assert [row["pictures"] for row in result["by_steering"]] == [1, 0, 2, 0, 1]
    assert result["by_steering"][2]["error_deg"]["mean"] == pytest.approx(0.4)
    assert result["by_steering"][1]["error_px"] is None
    assert (result["by_steering"][0]["from"], result["by_steering"][-1]["to"]) == (EDGES[0], EDGES[-1])
