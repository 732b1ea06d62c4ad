"""Lenses found again from drawn pictures of a board, the place of the camera too; the whole command on a folder."""
from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest

from jetracer.calibrate import page
from jetracer.calibrate.board import Board
from jetracer.calibrate.coverage import Coverage, still
from jetracer.calibrate.lens import fit
from jetracer.calibrate.mount import mount_from_floor, mount_from_horizon
from jetracer.camera.calibration import load_camera
from jetracer.camera.geometry import CameraModel, Lens, Mount
from jetracer.cli.main import main
from jetracer.core.errors import ConfigError, UnknownName

from .board_views import Studio

WIDE = Lens.from_hfov("fisheye", 640, 480, math.radians(150), (-0.02, 0.004))
PLAIN = Lens("polynomial", 640, 480, 420.0, 424.0, 322.0, 236.0, (-0.28, 0.09, 0.001, -0.0007))
needs_charuco = pytest.mark.skipif(not hasattr(getattr(cv2, "aruco", None), "CharucoDetector"),
                                   reason="this OpenCV has no ChArUco: pip install -U opencv-python-headless")


@pytest.fixture(scope="module")
def wide_album():
    board = Board("charuco")
    return board, list(Studio(WIDE, board).album(14, 55))


def same(found, lens):
    assert found.fx == pytest.approx(lens.fx, rel=0.005)
    assert found.fy == pytest.approx(lens.fy, rel=0.005)


@needs_charuco
def test_a_fisheye_by_charuco(wide_album):
    board, pictures = wide_album
    views = [view for view in map(board.finder().find, pictures) if view is not None]
    found = fit(board, views, 640, 480)
    same(found.lens, WIDE)
    assert found.lens.model == "fisheye" and found.rms_px < 0.3
    shifted = [view if n else view._replace(px=view.px + np.linspace(0, 9, len(view.px))[:, None]) for n, view in
               enumerate(views)]
    mended = fit(board, shifted, 640, 480, "fisheye")
    assert 0 not in mended.used, "a view that does not fit is thrown out"
    same(mended.lens, WIDE)


def test_a_plain_lens_by_checkerboard():
    board = Board("checkerboard")
    views = [view for view in map(board.finder().find, Studio(PLAIN, board).album(12, 22)) if view is not None]
    found = fit(board, views, 640, 480)
    same(found.lens, PLAIN)
    assert found.lens.model == "polynomial" and found.rms_px < 0.3
    assert len(found.errors_px) == len(found.used)


def floor_picture(board, mount, near_m):
    """The board on the floor before a car."""
    axes = np.stack([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]], 1)  # the board's, in the vehicle's frame
    middle = np.array([near_m + board.size_m[1] / 2, 0.0, 0.0]) - mount.position_m
    return Studio(WIDE, board).picture(mount.rotation.T @ axes, mount.rotation.T @ middle)


@needs_charuco
def test_the_mount_from_a_board_on_the_floor():
    board, mount = Board("charuco"), Mount(0.16, 0.2, math.radians(25), 0.03)
    view = board.finder().find(floor_picture(board, mount, 0.30))
    found = mount_from_floor(WIDE, board, view, 0.30)
    assert found.height_m == pytest.approx(0.16, abs=0.002)
    assert found.forward_m == pytest.approx(0.2, abs=0.003)
    assert found.pitch_rad == pytest.approx(mount.pitch_rad, abs=math.radians(0.5))
    assert found.roll_rad == pytest.approx(0.03, abs=math.radians(0.5))
    ahead, truly = (CameraModel(WIDE, m).ground_from_pixel(np.array([[330.0, 330.0]]))[0] for m in (found, mount))
    assert ahead == pytest.approx(truly, abs=0.01), "an aim point in metres"


def test_the_mount_from_the_horizon():
    mount = Mount(0.16, 0.2, math.radians(18))
    far = CameraModel(WIDE, mount).project_vehicle(np.array([[1e6, 0.0, 0.0]]))[0]
    found = mount_from_horizon(WIDE, far[1], 0.16, 0.2)
    assert found.pitch_rad == pytest.approx(mount.pitch_rad, abs=1e-4)
    with pytest.raises(ConfigError, match="row"):
        mount_from_horizon(WIDE, 1e7, 0.16)


@needs_charuco
def test_only_views_that_add_something_are_kept(wide_album):
    board, pictures = wide_album
    coverage, finder = Coverage(board, 640, 480), board.finder()
    views = [view for view in map(finder.find, pictures) if view is not None]
    assert coverage.offer(views[0]) and not coverage.offer(views[0])
    hints = set()
    for view in views[1:]:
        coverage.offer(view)
        hints.add(coverage.hint())
    assert len(coverage.views) > 8 and hints
    assert all(0 < share <= 1 for share in coverage.progress().values())
    assert coverage.picture().shape == (480, 640, 3)
    assert still(views[0], views[0], 640) and not still(views[1], views[0], 640)


@needs_charuco
def test_the_command_on_a_folder_of_pictures(tmp_path, wide_album, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, picture in enumerate(wide_album[1]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    assert main(["calibrate", "camera", "--pictures", ".", "--name", "mine", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["model"] == "fisheye" and said["rms_px"] < 0.3 and not said["mounted"]
    assert (tmp_path / "calibration/camera/mine.png").exists()
    assert main(["calibrate", "camera", "--name", "mine", "--height", "0.15", "--horizon", "160"]) == 0
    file = load_camera("calibration/camera/mine.toml")
    assert file.mount.height_m == 0.15 and file.lens.model == "fisheye"


def test_the_page_is_true_to_scale(tmp_path):
    board = Board("checkerboard", 8, 5, 0.03)
    image = cv2.imdecode(np.frombuffer(page.png(board), np.uint8), cv2.IMREAD_GRAYSCALE)
    dark = np.flatnonzero((image[: -int(10 * page.DOTS_PER_MM)] < 128).any(0))
    assert (dark[-1] - dark[0] + 1) / page.DOTS_PER_MM == pytest.approx(240.0, abs=0.1)
    assert b"pHYs" in page.png(board)[:60]
    text = page.pdf(board).decode("latin-1")
    widths = [float(line.split()[2]) for line in text.splitlines() if line.endswith(" re")]
    assert max(widths) == pytest.approx(30.0 * 72 / 25.4, abs=0.001)
    assert int(text.split("startxref\n")[1].split()[0]) == text.index("xref\n")
    assert main(["calibrate", "camera", "--board", "checkerboard", "--print-board", str(tmp_path / "board.pdf")]) == 0
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")


def test_wrong_wishes_are_one_clear_line():
    with pytest.raises(UnknownName, match="charuco"):
        Board("charcuo")
    with pytest.raises(ConfigError, match="4 x 4"):
        Board("checkerboard", 3, 5)
    with pytest.raises(ConfigError, match="15 are good"):
        fit(Board("checkerboard"), [], 640, 480)
    with pytest.raises(UnknownName, match="fisheye"):
        fit(Board("checkerboard"), [], 640, 480, "fisheyes")
