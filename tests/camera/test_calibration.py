"""A camera's file, and what a drive makes of it."""
from __future__ import annotations

from dataclasses import replace

import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.calibration import CameraFile, Capture, load_camera
from jetracer.camera.geometry import Lens, Mount
from jetracer.core.errors import ConfigError, UnknownName

FILE = CameraFile("mine", "2024-01-01", 0.2, 15, Lens("fisheye", 640, 480, 250.0, 251.0, 320.0, 239.0, (-0.02, 0.01)),
                  Capture(1280, 720, 2), Mount(0.15, 0.2, 0.3))


def test_it_comes_back_as_it_was(tmp_path):
    path = tmp_path / "new" / "mine.toml"
    FILE.save(path)
    assert load_camera(path) == FILE
    replace(FILE, mount=None).save(path)
    assert load_camera(path).mount is None
    assert [item.name for item in path.parent.iterdir()] == ["mine.toml"]


def test_the_model_has_the_size_of_the_pictures():
    model = FILE.model(CameraConfig(width=320, height=240, capture_width=1280, capture_height=720, flip=2))
    assert (model.lens.width, model.lens.fx, model.lens.fy) == (320, 125.0, 125.5)
    assert model.mount == FILE.mount


def test_another_view_or_no_place_is_refused():
    with pytest.raises(ConfigError, match="1280, 720, 2"):
        FILE.model(CameraConfig())
    with pytest.raises(ConfigError, match="--floor"):
        replace(FILE, mount=None).model(CameraConfig())


def test_a_file_with_gaps_or_wrong_names(tmp_path):
    path = tmp_path / "mine.toml"
    FILE.save(path)
    text = path.read_text()
    path.write_text(text.replace("fx = 250.0\n", ""))
    with pytest.raises(ConfigError, match=r"lens\.fx is missing"):
        load_camera(path)
    path.write_text(text.replace("fx =", "fz ="))
    with pytest.raises(UnknownName, match="did you mean 'lens"):
        load_camera(path)
    path.write_text(text.replace("fx = 250.0", 'fx = "wide"'))
    with pytest.raises(ConfigError, match=r"lens\.fx = 'wide' is not a number"):
        load_camera(path)
