from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.jetcam import JetcamCamera
from jetracer.camera.load import make_camera
from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraError, CameraTimeout, ConfigError, UnknownName

CONFIG = CameraConfig(name="jetcam", width=32, height=24, fps=60.0)


@pytest.fixture
def jetcam(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "stand_ins"))
    import jetcam

    yield jetcam
    for name in [name for name in sys.modules if name.partition(".")[0] == "jetcam"]:
        del sys.modules[name]


def test_reads_a_camera_of_its_own(jetcam):
    clock = FakeClock(50.0)
    camera = JetcamCamera(CameraConfig("jetcam", device=1, width=32, height=24, fps=60.0, latency_s=0.1), clock)
    with camera:
        frames = [camera.read(1.0) for _ in range(3)]
        made = camera._camera
        assert (made.width, made.height, made.capture_device, made.capture_fps) == (32, 24, 1, 60)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [1, 2, 3]
    assert [frame.seq for frame in frames] == [0, 1, 2]
    assert frames[0].t_s == pytest.approx(49.9)
    assert made.cap.released
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.0)


def test_by_name_through_the_background(jetcam):
    with make_camera(CameraConfig("jetcam:usb", width=32, height=24, capture_width=1280, capture_height=720)) as camera:
        assert camera.read(10.0).image.shape == (24, 32, 3)
        made = camera.camera._camera
        assert type(made).__name__ == "USBCamera" and made.capture_width == 1280


def test_a_running_camera_of_a_notebook_is_listened_to_and_left_alone(jetcam):
    given = jetcam.Camera(width=64, height=48)
    given.running = True
    with JetcamCamera(CONFIG, camera=given) as camera:
        first, second = camera.read(10.0), camera.read(10.0)
        assert first.image.shape == (24, 32, 3)
        assert 99 not in (first.image[0, 0, 0], second.image[0, 0, 0]), "not the garbage from before"
        assert not np.array_equal(first.image, second.image)
        given.running = False
        with pytest.raises(CameraTimeout, match="no new picture"):
            while True:
                camera.read(0.05)
    assert not given.cap.released
    assert given.read() is not None


def test_a_class_may_be_given(jetcam):
    with JetcamCamera(CONFIG, camera=jetcam.Camera) as camera:
        camera.read(1.0)
        camera._camera.cap.lost = True
        with pytest.raises(CameraError, match="Could not read image from camera"):
            camera.read(1.0)


def test_a_camera_that_does_not_start(jetcam, monkeypatch):
    monkeypatch.setattr(jetcam.Camera, "broken", True)
    with pytest.raises(CameraError, match=r"Could not initialize camera.*--camera csi"):
        JetcamCamera(CONFIG).open()


def test_without_jetcam_it_says_what_to_choose():
    with pytest.raises(CameraError, match=r"not installed.*--camera csi"):
        JetcamCamera(CONFIG).open()
    with pytest.raises(UnknownName, match="did you mean 'usb'"):
        JetcamCamera(CameraConfig("jetcam", path="ubs")).open()


def test_our_own_stand_in_for_jetcam_is_not_wrapped_again(monkeypatch):
    from jetracer.camera import CSICamera

    module = types.ModuleType("jetcam.csi_camera")
    module.CSICamera = CSICamera
    monkeypatch.setitem(sys.modules, "jetcam", types.ModuleType("jetcam"))
    monkeypatch.setitem(sys.modules, "jetcam.csi_camera", module)
    with pytest.raises(ConfigError, match="JetRacer's own"):
        JetcamCamera(CONFIG).open()


@pytest.mark.jetson
def test_a_real_one():
    pytest.importorskip("jetcam.csi_camera", reason="needs jetcam and a CSI camera")
    with make_camera(CameraConfig("jetcam:csi")) as camera:
        assert camera.read(10.0).image.shape == (224, 224, 3)
