"""Pictures agree with the geometry, and with what the world is made of."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import pytest

from jetracer.camera.geometry import SIM_CAMERA, CameraModel, Lens, Mount
from jetracer.sim import body
from jetracer.sim.look import Look, any_camera, random_camera
from jetracer.sim.props import Board
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import LEVELS, Scenery
from jetracer.sim.track import generate
from tests import golden_sim

MAGENTA = (255, 0, 255)
CAMERAS = {
    "sim": SIM_CAMERA,
    "pinhole": CameraModel(Lens.from_hfov("pinhole", 320, 240, math.radians(75)), Mount(0.15, 0.1, 0.35)),
    "polynomial": CameraModel(
        Lens.from_hfov("polynomial", 224, 224, math.radians(95), (-0.10, 0.006, 0.001, 0.001)),
        Mount(0.20, 0.2, 0.40, 0.05, 0.02),
    ),
    "fisheye": CameraModel(
        Lens.from_hfov("fisheye", 224, 160, math.radians(150), (-0.03, 0.002)), Mount(0.25, 0.0, 0.5, -0.04)
    ),
}


@pytest.fixture(scope="module")
def scenery() -> Scenery:
    return Scenery(generate(7))


def bare(seed: int = 7) -> Scenery:
    """A scenery of its own with nothing standing about."""
    scenery = Scenery(generate(seed), ppm=128)
    scenery.boards, scenery.billboards = [], []
    return scenery


def mark(scenery: Scenery, x: float, y: float, radius_m: float, colour: tuple = MAGENTA) -> None:
    """A disc on the floor, in every level of the pyramid."""
    for level in range(LEVELS):
        ppm = scenery.ppm / (1 << level)
        px = (x + scenery.size_m[0] / 2) * ppm - 0.5 + scenery.level_x[level]
        py = (scenery.size_m[1] / 2 - y) * ppm - 0.5 + scenery.level_y[level]
        centre = (round(px * 256), round(py * 256))
        cv2.circle(scenery.atlas, centre, max(round(radius_m * ppm * 256), 128), colour, -1, cv2.LINE_AA, 8)


def magenta(image: np.ndarray) -> np.ndarray:
    b, g, r = (image[..., i].astype(int) for i in range(3))
    return np.clip(np.minimum(b, r) - g - 60, 0, None).astype(float)


def centroid(weight: np.ndarray) -> tuple:
    total = weight.sum()
    assert total > 0, "the mark is not in the picture"
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return float((weight * columns).sum() / total), float((weight * rows).sum() / total)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("ahead, left", [(0.75, 0.0), (0.9, 0.25), (0.9, -0.3), (1.4, 0.1)])
def test_a_mark_on_the_floor_appears_where_the_geometry_says(name: str, ahead: float, left: float) -> None:
    scenery, camera = bare(), CAMERAS[name]
    x, y, yaw = 0.4, -0.3, 2.1
    c, s = math.cos(yaw), math.sin(yaw)
    mark(scenery, x + ahead * c - left * s, y + ahead * s + left * c, 0.03)
    image = Renderer(scenery, camera).frame(x, y, yaw)
    expected = camera.pixel_from_ground(np.array([[ahead, left]]))[0]
    # The disc's own perspective moves its centroid a little towards the camera.
    assert centroid(magenta(image)) == pytest.approx(tuple(expected), abs=0.9)


def test_a_curve_to_the_left_appears_on_the_left() -> None:
    for seed in range(40):
        track = generate(seed)
        for s in np.arange(0, track.length_m, 0.5):
            tx, ty = track.ahead(*track.pose_at(s)[:2], 1.2)
            x, y, yaw = track.pose_at(s)
            left = -(tx - x) * math.sin(yaw) + (ty - y) * math.cos(yaw)
            if abs(left) > 0.35:
                scenery = bare(seed)
                mark(scenery, tx, ty, 0.06)
                column, _ = centroid(magenta(Renderer(scenery, SIM_CAMERA).frame(x, y, yaw)))
                assert (column < 111.5) == (left > 0)
                return
    pytest.fail("no track bends")


def test_turning_left_moves_the_room_to_the_right() -> None:
    scenery = bare()
    scenery.panorama[:] = 0
    turn = scenery.panorama.shape[1] // 2
    for column in range(-6, 6):  # due +x of the world
        scenery.panorama[:, column % turn :: turn] = (*MAGENTA, 255)
    renderer = Renderer(scenery, SIM_CAMERA)
    straight, _ = centroid(magenta(renderer.frame(0, 0, 0.0)[:60]))
    turned, _ = centroid(magenta(renderer.frame(0, 0, 0.3)[:60]))
    assert straight == pytest.approx(111.5, abs=1.5)
    assert turned > straight + 20
    for whole_turns in (-3, 1):
        around, _ = centroid(magenta(renderer.frame(0, 0, 0.3 + whole_turns * 2 * math.pi)[:60]))
        assert around == pytest.approx(turned, abs=0.5)


@pytest.mark.parametrize("name", CAMERAS)
def test_above_the_horizon_there_is_no_floor_and_well_below_nothing_else(name: str) -> None:
    scenery, camera = bare(), CAMERAS[name]
    scenery.atlas[:] = (*MAGENTA, 255)
    scenery.panorama[:] = 0
    floor = magenta(Renderer(scenery, camera).frame(0.2, 0.1, 0.7)) > 100
    elevation = np.arcsin((camera.lens.rays() @ camera.rotation.T)[..., 2])
    assert not floor[elevation > math.radians(0.8)].any()
    assert floor[elevation < math.radians(-2.5)].all()


def test_boards_stand_where_they_should_and_hide_the_floor_behind() -> None:
    scenery = bare()
    mark(scenery, 1.6, 0.0, 0.1)
    foot = np.stack([np.full(9, 1.2), np.linspace(0.4, -0.4, 9)], 1)
    scenery.boards = [Board(foot, 0.12, (0.0, 255.0, 0.0), (), False)]
    image = Renderer(scenery, SIM_CAMERA).frame(0, 0, 0.0)
    assert magenta(image).max() < 40  # hidden
    corners = SIM_CAMERA.project_vehicle(np.array([[1.2, 0.4, 0.0], [1.2, -0.4, 0.12]]))
    green = (image[..., 1] > 200) & (image[..., 0] < 60) & (image[..., 2] < 60)
    rows, columns = np.nonzero(green)
    assert columns.min() == pytest.approx(corners[0, 0], abs=2)
    assert columns.max() == pytest.approx(corners[1, 0], abs=2)
    assert rows.max() == pytest.approx(SIM_CAMERA.pixel_from_ground(np.array([[1.2, 0.0]]))[0, 1], abs=2)


@pytest.mark.parametrize("marking", ["cables", "walls", "orange tape", "white tape", "blue tape", "yellow dashes"])
def test_both_edges_can_be_seen(marking: str) -> None:
    """Along the edges the picture differs from the lane's own floor."""
    seed = next(s for s in range(200) if generate(s).marking == marking)
    track = generate(seed)
    image_of = Renderer(Scenery(track), SIM_CAMERA).frame
    seen = []
    for s in np.arange(0.0, track.length_m, 1.0):
        x, y, yaw = track.pose_at(s)
        image = image_of(x, y, yaw).astype(float)
        c, sn = math.cos(yaw), math.sin(yaw)
        for edge in (track.left_edge, track.right_edge):
            away = edge - (x, y)
            local = np.stack([away @ (c, sn), away @ (-sn, c)], 1)
            near = local[(local[:, 0] > 0.6) & (local[:, 0] < 1.2) & (np.abs(local[:, 1]) < 0.6)]
            px = SIM_CAMERA.pixel_from_ground(near)
            px = px[np.isfinite(px).all(1) & (px[:, 0] > 6) & (px[:, 0] < 217)].round().astype(int)
            lane = SIM_CAMERA.pixel_from_ground(np.array([[0.7, 0.0]]))[0].round().astype(int)
            floor = image[lane[1] - 3 : lane[1] + 4, lane[0] - 8 : lane[0] + 9].reshape(-1, 3).mean(0)
            seen += [np.abs(image[v - 2 : v + 3, u - 2 : u + 3] - floor).max() for u, v in px[::5]]
    assert len(seen) > 20
    assert np.mean(np.array(seen) > 30) > 0.9


def test_pictures_repeat(scenery: Scenery) -> None:
    look = Look.random(np.random.default_rng(3))
    a, b = (Renderer(scenery, SIM_CAMERA, look, seed=4) for _ in range(2))
    for _ in range(3):
        np.testing.assert_array_equal(a.frame(1, 0, 0.3, 1.0, 0.5, 0.1), b.frame(1, 0, 0.3, 1.0, 0.5, 0.1))


def test_noise_changes_from_frame_to_frame(scenery: Scenery) -> None:
    renderer = Renderer(scenery, SIM_CAMERA, Look(noise=4.0))
    assert (renderer.frame(1, 0, 0) != renderer.frame(1, 0, 0)).any()


def test_frames_are_new_pictures_of_the_lens_size(scenery: Scenery) -> None:
    for camera in CAMERAS.values():
        renderer = Renderer(scenery, camera)
        first = renderer.frame(0, 0, 0)
        kept = first.copy()
        renderer.frame(1, 1, 1)
        np.testing.assert_array_equal(first, kept)
        assert first.shape == (camera.lens.height, camera.lens.width, 3) and first.dtype == np.uint8


def test_speed_smears_across_the_view(scenery: Scenery) -> None:
    renderer = Renderer(scenery, SIM_CAMERA, Look(exposure_s=0.03, sub_poses=3))
    x, y, yaw = scenery.track.pose_at(1.0)
    still, turning = (cv2.cvtColor(renderer.frame(x, y, yaw, 0.0, w), cv2.COLOR_BGR2GRAY) for w in (0.0, 3.0))

    def sharpness(image: np.ndarray) -> float:
        return float(np.abs(cv2.Sobel(image, cv2.CV_32F, 1, 0)).mean())

    assert sharpness(turning) < 0.9 * sharpness(still)


def test_every_random_look_and_camera_gives_a_picture_to_drive_by() -> None:
    sceneries = [Scenery(generate(seed), ppm=128) for seed in range(6)]
    for seed in range(36):
        rng = np.random.default_rng(seed)
        scenery = sceneries[seed % len(sceneries)]
        camera = random_camera(rng) if seed % 2 else any_camera(rng)
        image = Renderer(scenery, camera, Look.random(rng), seed).frame(*scenery.track.pose_at(rng.uniform(0, 9)))
        assert image.std() > 6, seed
        assert 8 < image.mean() < 247, seed


def test_random_camera_without_spread_is_the_camera() -> None:
    same = random_camera(np.random.default_rng(0), SIM_CAMERA, spread=0.0)
    np.testing.assert_allclose(same.lens.rays(), SIM_CAMERA.lens.rays())
    assert same.mount == SIM_CAMERA.mount


@pytest.mark.parametrize("style", ["nose", "shell"])
def test_the_own_body_is_at_the_bottom_and_its_wheels_turn(scenery: Scenery, style: str) -> None:
    look = Look(body=style, body_colour=(60.0, 60.0, 230.0), body_ahead_m=0.08)
    renderer, without = Renderer(scenery, SIM_CAMERA, look), Renderer(scenery, SIM_CAMERA)
    changed = (renderer.frame(1, 0, 0) != without.frame(1, 0, 0)).any(2)
    assert changed[-1].any()
    assert not changed[:120].any()
    left, right = (renderer.frame(1, 0, 0, steering_rad=angle) for angle in (0.35, -0.35))
    assert (left != right).any() == (style == "nose")


def test_auto_exposure_hunts() -> None:
    renderer = Renderer(bare(), SIM_CAMERA, Look(exposure_jumps=1.0))
    means = [renderer.frame(0, 0, 0).mean() for _ in range(12)]
    assert np.ptp(means) > 8


def test_scenery_repeats_and_differs_by_seed() -> None:
    track = generate(11)
    a, b, c = Scenery(track, ppm=64), Scenery(track, ppm=64), Scenery(track, seed=1, ppm=64)
    np.testing.assert_array_equal(a.atlas, b.atlas)
    np.testing.assert_array_equal(a.panorama, b.panorama)
    assert a.atlas.shape != c.atlas.shape or (a.atlas != c.atlas).any()


def test_things_and_fences_stay_off_the_lane() -> None:
    for seed in range(8):
        scenery = Scenery(generate(seed), ppm=64)
        track = scenery.track
        for thing in scenery.billboards:
            off = np.linalg.norm(track.centre - (thing.x_m, thing.y_m), axis=1).min()
            assert off > track.half_width_m + 0.5 * thing.width_m
        for board in scenery.boards:
            off = np.linalg.norm(board.foot[:, None] - track.centre, axis=2).min()
            assert off > track.half_width_m - 0.02


def test_a_lens_with_blind_corners_is_black_there() -> None:
    lens = Lens("fisheye", 64, 64, 14.0, 14.0, 31.5, 31.5, (-0.12,))
    image = Renderer(bare(), CameraModel(lens, Mount(0.2, 0.0, 0.3)), dataclasses.replace(Look.plain())).frame(0, 0, 0)
    assert np.isnan(lens.rays()[0, 0]).any()
    assert not image[0, 0].any() and image[32, 32].any()


@pytest.mark.parametrize("name", golden_sim.SCENES)
def test_golden_pictures(name: str) -> None:
    kept = cv2.imread(str(golden_sim.FOLDER / f"{name}.png"))
    assert kept is not None, "make it with: python -m tests.golden_sim"
    now = golden_sim.render(name)
    # Resampling differs by a grey level or two between OpenCV's versions.
    assert np.abs(now.astype(int) - kept).mean() < 2.0


def test_a_prepared_renderer_paints_no_body_while_it_runs(scenery: Scenery, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Look(body="nose", body_ahead_m=0.08)
    angles = np.linspace(-0.42, 0.42, 31)
    as_needed, prepared = Renderer(scenery, SIM_CAMERA, look), Renderer(scenery, SIM_CAMERA, look)
    expected = [as_needed.frame(1, 0, 0, steering_rad=angle) for angle in angles]
    prepared.prepare(0.42)
    monkeypatch.setattr(body, "paint", None)
    for angle, picture in zip(angles, expected):
        np.testing.assert_array_equal(prepared.frame(1, 0, 0, steering_rad=angle), picture)
