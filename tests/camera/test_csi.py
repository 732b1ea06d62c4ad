from __future__ import annotations

import cv2
import numpy as np
import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.csi import CsiCamera
from jetracer.core.errors import CameraError

from .test_usb import Driver


@pytest.fixture
def opencv_with_gstreamer(monkeypatch):
    information = "  Video I/O:\n    GStreamer:        YES (1.14.5)\n"
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: information)
    monkeypatch.setattr(cv2, "VideoCapture", Driver)
    monkeypatch.setattr(Driver, "pictures", [np.full((224, 224, 3), n, np.uint8) for n in range(6)])


def test_runs_inside_opencv_where_that_knows_gstreamer(opencv_with_gstreamer):
    with CsiCamera(CameraConfig()) as camera:
        assert camera.read(1.0).image[0, 0, 0] == 5
        with pytest.raises(CameraError, match=r"sends no pictures.*ribbon cable.*restart nvargus-daemon"):
            camera.read(1.0)


def test_a_pipeline_that_does_not_start(opencv_with_gstreamer, monkeypatch):
    monkeypatch.setattr(Driver, "isOpened", lambda self: False)
    with pytest.raises(CameraError, match=r"nvarguscamerasrc.*restart nvargus-daemon"):
        CsiCamera(CameraConfig()).open()


def test_must_be_opened_first():
    camera = CsiCamera(CameraConfig())
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.0)
    camera.close()
