from __future__ import annotations

import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.gstreamer import child_command, csi_source, opencv_pipeline, rate
from jetracer.camera.gstreamer import test_source as moving_bar

CONFIG = CameraConfig(device=1, width=224, height=160, fps=60, capture_width=1280, capture_height=720, flip=2)


def test_csi_source():
    assert csi_source(CONFIG) == (
        "nvarguscamerasrc sensor-id=1 ! "
        "video/x-raw(memory:NVMM), width=1280, height=720, framerate=60/1, format=NV12 ! "
        "nvvidconv flip-method=2 ! video/x-raw, width=224, height=160, format=BGRx"
    )


def test_capture_size_defaults_to_what_jetcam_used():
    assert "width=640, height=480, framerate=30/1" in csi_source(CameraConfig())


def test_opencv_gets_bgr_and_only_the_newest_picture():
    assert opencv_pipeline("SOURCE") == (
        "SOURCE ! videoconvert ! video/x-raw, format=BGR ! appsink drop=true max-buffers=1 sync=false"
    )


def test_the_child_drops_old_pictures_instead_of_queueing_them():
    command = child_command("SOURCE ! caps, a=b", fd=7)
    assert command[:2] == ["gst-launch-1.0", "-q"]
    assert " ".join(command[2:]) == (
        "SOURCE ! caps, a=b ! queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 ! "
        "fdsink fd=7 sync=false"
    )


def test_source_moves_so_that_every_frame_tells_its_number():
    assert "horizontal-speed=-1" in moving_bar(CONFIG)
    assert moving_bar(CONFIG).endswith("width=224, height=160, format=BGRx, framerate=60/1")


@pytest.mark.parametrize("fps, text", [(30, "30/1"), (29.97, "30000/1001"), (7.5, "15/2"), (120.0, "120/1")])
def test_rates_are_fractions(fps, text):
    assert rate(fps) == text
