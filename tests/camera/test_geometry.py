"""Lens and mount: equal to OpenCV's formulas, and inverse to themselves."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetracer.camera.geometry import SIM_CAMERA, CameraModel, Lens, Mount
from jetracer.core.errors import ConfigError, UnknownName
from jetracer.core.types import Aim

PINHOLE = Lens.from_hfov("pinhole", 320, 240, math.radians(80))
POLYNOMIAL = Lens("polynomial", 640, 360, 410.0, 415.0, 322.0, 181.0, (-0.21, 0.06, 0.002, -0.001, -0.004))
FISHEYE = Lens("fisheye", 224, 224, 104.0, 105.0, 110.0, 113.0, (-0.02, 0.008, -0.004, 0.0006))
LENSES = (PINHOLE, POLYNOMIAL, FISHEYE)


def points_ahead(n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.concatenate([rng.uniform(-0.7, 0.7, (n, 2)), np.ones((n, 1))], 1) * rng.uniform(0.2, 5, (n, 1))


def matrix(lens: Lens) -> np.ndarray:
    return np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1.0]])


@pytest.mark.parametrize("lens", [PINHOLE, POLYNOMIAL], ids=lambda lens: lens.model)
def test_project_equals_opencv(lens: Lens) -> None:
    k = np.array(lens.k) if lens.k else np.zeros(4)
    theirs = cv2.projectPoints(points_ahead(), np.zeros(3), np.zeros(3), matrix(lens), k)[0][:, 0]
    np.testing.assert_allclose(lens.project(points_ahead()), theirs, atol=1e-6)


def test_fisheye_project_equals_opencv() -> None:
    points, zero = points_ahead()[:, None], np.zeros((3, 1))
    theirs = cv2.fisheye.projectPoints(points, zero, zero, matrix(FISHEYE), np.array(FISHEYE.k))[0]
    np.testing.assert_allclose(FISHEYE.project(points_ahead()), theirs.reshape(-1, 2), atol=1e-6)


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.model)
def test_rays_project_back_to_their_pixels(lens: Lens) -> None:
    rays = lens.rays()
    assert rays.shape == (lens.height, lens.width, 3)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=2), 1.0, atol=1e-12)
    u, v = np.meshgrid(np.arange(lens.width), np.arange(lens.height))
    back = lens.project(rays.reshape(-1, 3)).reshape(lens.height, lens.width, 2)
    np.testing.assert_allclose(back, np.stack([u, v], 2), atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    hfov=st.floats(40, 170), k1=st.floats(-0.05, 0.05), k2=st.floats(-0.01, 0.02), x=st.floats(0, 1), y=st.floats(0, 1)
)
def test_fisheye_round_trip_wherever_the_lens_sees(hfov: float, k1: float, k2: float, x: float, y: float) -> None:
    lens = Lens.from_hfov("fisheye", 224, 224, math.radians(hfov), (k1, k2))
    px = np.array([[x * 223, y * 223]])
    ray = lens.unproject(px)
    if np.isfinite(ray).all():
        np.testing.assert_allclose(lens.project(ray), px, atol=1e-3)


@pytest.mark.parametrize("model", ["pinhole", "polynomial", "fisheye"])
def test_from_hfov_spans_the_angle(model: str) -> None:
    lens = Lens.from_hfov(model, 224, 160, math.radians(90))
    left, right = lens.unproject(np.array([[-0.5, 79.5], [223.5, 79.5]]))
    assert math.degrees(math.acos(left @ right)) == pytest.approx(90, abs=1e-6)


def test_behind_is_nan() -> None:
    behind = np.array([[0.1, 0.0, -1.0]])
    assert np.isnan(PINHOLE.project(behind)).all()
    assert np.isnan(POLYNOMIAL.project(behind)).all()
    assert np.isnan(FISHEYE.project(np.array([[0.0, 1e-3, -1.0]]))).all()


def test_a_folding_polynomial_answers_nan_not_a_wrong_pixel() -> None:
    lens = Lens.from_hfov("polynomial", 640, 360, math.radians(70), (-0.3, 0.0))
    assert np.isnan(lens.project(np.array([[3.0, 0.0, 1.0]]))).all()


def test_errors_say_what_to_do() -> None:
    with pytest.raises(UnknownName, match="choose one of pinhole"):
        Lens("wide", 10, 10, 1, 1, 0, 0)
    with pytest.raises(ConfigError, match="at most 4"):
        Lens("fisheye", 10, 10, 1, 1, 0, 0, (1, 2, 3, 4, 5))
    with pytest.raises(ConfigError, match="use a fisheye"):
        Lens.from_hfov("polynomial", 224, 224, math.radians(150), (-0.3,))


def test_rotation_is_right_handed_and_points_where_the_words_say() -> None:
    rotation = Mount(0.2, 0.0, math.radians(30)).rotation
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    ahead = rotation @ [0, 0, 1]
    assert ahead[2] == pytest.approx(-0.5) and ahead[0] > 0  # looks down
    np.testing.assert_allclose(rotation @ [1, 0, 0], [0, -1, 0], atol=1e-12)  # camera's right is the car's right


def test_roll_clockwise_lowers_the_right_hand_side() -> None:
    rotation = Mount(0.2, 0.0, 0.0, roll_rad=0.1).rotation
    assert (rotation @ [1, 0, 0])[2] < 0


@settings(max_examples=80, deadline=None)
@given(x=st.floats(0.45, 4.0), y=st.floats(-1.5, 1.5), roll=st.floats(-0.1, 0.1), pitch=st.floats(0.0, 0.6))
def test_ground_and_pixel_are_inverse(x: float, y: float, roll: float, pitch: float) -> None:
    for lens in LENSES:
        camera = CameraModel(lens, Mount(0.15, 0.2, pitch, roll, 0.01))
        px = camera.pixel_from_ground(np.array([[x, y]]))
        if np.isfinite(px).all():
            np.testing.assert_allclose(camera.ground_from_pixel(px), [[x, y]], atol=1e-4 * x)


def test_the_sky_is_no_ground() -> None:
    assert np.isnan(SIM_CAMERA.ground_from_pixel(np.array([[112.0, 3.0]]))).all()
    assert SIM_CAMERA.ground_from_aim(Aim(0.0, -0.9)) is None


def test_left_is_left() -> None:
    left, right = SIM_CAMERA.pixel_from_ground(np.array([[1.2, 0.3], [1.2, -0.3]]))
    assert left[0] < 111.5 < right[0]
    assert left[0] + right[0] == pytest.approx(223.0)


def test_aim_round_trip_and_none_outside() -> None:
    aim = SIM_CAMERA.aim_from_ground(1.0, 0.25)
    assert aim is not None and aim.x < 0
    assert SIM_CAMERA.ground_from_aim(aim) == pytest.approx((1.0, 0.25))
    assert SIM_CAMERA.aim_from_ground(-1.0, 0.0) is None


def test_an_aim_beyond_the_border_is_told_when_asked_for() -> None:
    assert SIM_CAMERA.aim_from_ground(0.5, 1.0) is None
    assert SIM_CAMERA.aim_from_ground(0.5, 1.0, beyond=True).x < -1.0
    behind = SIM_CAMERA.aim_from_ground(-50.0, 0.0, beyond=True)
    assert behind is None or max(abs(behind.x), abs(behind.y)) > 1.0


def test_sim_camera_is_as_described() -> None:
    lens, mount = SIM_CAMERA.lens, SIM_CAMERA.mount
    assert (lens.model, lens.width, lens.height) == ("fisheye", 224, 224)
    assert (mount.height_m, mount.forward_m) == (0.14, 0.30)
    assert math.degrees(mount.pitch_rad) == pytest.approx(20)
