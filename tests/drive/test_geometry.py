"""Where a drive has its camera's geometry from, and what steers without it."""
from __future__ import annotations

from dataclasses import replace

import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.calibration import CameraFile
from jetracer.camera.geometry import SIM_CAMERA, Lens, Mount
from jetracer.car.base import CarConfig
from jetracer.car.kit import load_kit
from jetracer.control.aim import AimPD
from jetracer.control.pursuit import PurePursuit
from jetracer.core.errors import ConfigError
from jetracer.drive.build import assemble, camera_model, completed
from jetracer.drive.config import DriveConfig

FILE = CameraFile("mine", "2024-01-01", 0.2, 15, Lens("fisheye", 640, 480, 250.0, 251.0, 320.0, 239.0),
                  mount=Mount(0.15, 0.2, 0.3))


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A drive with a camera, and no motors."""
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(tmp_path / "run"))
    return completed(DriveConfig(road="null", camera=CameraConfig("null"), car=CarConfig(name="null")))


def test_without_a_file_it_steers_by_the_aim_and_says_so(real):
    said = []
    assert camera_model(real) is None
    with assemble(real, said.append) as parts:
        assert isinstance(parts.driver.controller, AimPD)
    assert [text for text in said if "jetracer calibrate camera" in text]


def test_with_a_file_it_steers_in_metres(real, tmp_path):
    FILE.save(tmp_path / "mine.toml")
    config = replace(real, camera=replace(real.camera, calibration=str(tmp_path / "mine.toml")))
    assert camera_model(config).lens == FILE.lens.resized(224, 224)
    said = []
    with assemble(config, said.append) as parts:
        assert isinstance(parts.driver.controller, PurePursuit)
    assert not said


def test_a_wrong_file_is_told_before_anything_starts(real):
    config = replace(real, camera=replace(real.camera, calibration="nowhere.toml"))
    with pytest.raises(ConfigError, match=r"nowhere\.toml"), assemble(config):
        pass


def test_a_kit_names_the_cameras_file_beside_it(tmp_path):
    (tmp_path / "camera.toml").write_text("")
    kit = tmp_path / "car.toml"
    kit.write_text('[kit]\nbase = "nvidia-jetracer"\n[camera]\ncalibration = "camera.toml"\n[control]\ndelay_s = 0.1\n')
    config = load_kit(str(kit)).apply(DriveConfig())
    assert config.camera.calibration == str(tmp_path / "camera.toml")
    assert config.control.delay_s == 0.1


def test_in_simulation_it_is_the_simulated_camera():
    assert camera_model(DriveConfig(sim=True)) is SIM_CAMERA
