from __future__ import annotations

import subprocess
import sys

import pytest

from jetracer.camera.background import Background
from jetracer.camera.base import CAMERAS, CameraConfig
from jetracer.camera.load import make_camera, resolve
from jetracer.camera.null import NullCamera
from jetracer.camera.replay import ReplayCamera
from jetracer.camera.usb import UsbCamera
from jetracer.core.errors import ConfigError, UnknownName


def test_a_name_may_carry_its_path_or_number():
    assert resolve(CameraConfig(name="replay:a:b/c")).path == "a:b/c"
    assert resolve(CameraConfig(name="usb:3")) == CameraConfig(name="usb", device=3)
    assert resolve(CameraConfig(name="null")) == CameraConfig(name="null")
    with pytest.raises(ConfigError, match=r"give its number, such as usb:0"):
        resolve(CameraConfig(name="usb:/dev/video0"))


def test_live_cameras_get_a_thread_and_the_others_none():
    usb = make_camera(CameraConfig(name="usb"))
    assert isinstance(usb, Background) and isinstance(usb.camera, UsbCamera)
    assert isinstance(make_camera(CameraConfig(name="null")), NullCamera)
    assert isinstance(make_camera(CameraConfig(name="replay:x")), ReplayCamera)


def test_a_wrong_name_gets_the_nearest_right_one():
    with pytest.raises(UnknownName, match="did you mean 'replay'"):
        make_camera(CameraConfig(name="relay:x"))


def test_names():
    assert set(CAMERAS.names) >= {"csi", "null", "replay", "sim", "usb"}


def test_naming_cameras_loads_nothing_heavy():
    code = "import sys, jetracer.camera.load; print({'cv2', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
