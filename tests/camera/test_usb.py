from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from jetracer.camera.background import Background
from jetracer.camera.base import CameraConfig
from jetracer.camera.usb import UsbCamera
from jetracer.camera.v4l2 import VideoNodes
from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraError

CONFIG = CameraConfig(name="usb", device=0, width=224, height=224)


def test_not_there(tmp_path):
    with pytest.raises(CameraError, match="video0 does not exist; plug in a USB camera"):
        UsbCamera(CONFIG, nodes=VideoNodes(str(tmp_path), str(tmp_path / "sys"))).open()


def test_not_there_but_another_is(tmp_path):
    (tmp_path / "video2").touch()
    with pytest.raises(CameraError, match=r"there is .*video2: choose one with --camera usb:N"):
        UsbCamera(CONFIG, nodes=VideoNodes(str(tmp_path), str(tmp_path / "sys"))).open()


def test_no_permission(tmp_path, monkeypatch):
    (tmp_path / "video0").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CameraError, match="usermod -aG video"):
        UsbCamera(CONFIG, nodes=VideoNodes(str(tmp_path), str(tmp_path / "sys"))).open()


def test_not_a_camera(tmp_path):
    (tmp_path / "video0").touch()
    camera = UsbCamera(CONFIG, nodes=VideoNodes(str(tmp_path), str(tmp_path / "sys")))
    with pytest.raises(CameraError, match=r"another program may hold it \(sudo fuser -v .*video0 tells\)"):
        camera.open()
    camera.close()
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.0)


class Driver:
    """Stands for cv2.VideoCapture: hands out `pictures`, None for a failed read."""

    pictures: ClassVar[list] = []
    stamp_ms = -1.0
    last: Driver

    def __init__(self, *_source) -> None:
        self.settings, self.released = {}, False
        Driver.last = self

    def isOpened(self) -> bool:  # noqa: N802 (OpenCV's name)
        return True

    def set(self, key, value) -> None:
        self.settings[key] = value

    def get(self, key) -> float:
        return self.stamp_ms

    def read(self):
        picture = self.pictures.pop(0) if self.pictures else None
        return picture is not None, picture

    def release(self) -> None:
        self.released = True


@pytest.fixture
def usb(tmp_path, monkeypatch):
    (tmp_path / "video0").touch()
    monkeypatch.setattr(cv2, "VideoCapture", Driver)
    monkeypatch.setattr(Driver, "pictures", [np.full((480, 640, 3), n, np.uint8) for n in range(8)])
    return UsbCamera(CONFIG, FakeClock(50.0), nodes=VideoNodes(str(tmp_path), str(tmp_path / "sys")))


def test_asks_for_jpeg_and_a_short_queue_and_skips_the_dark_first_frames(usb):
    with usb:
        frame = usb.read(1.0)
        settings = Driver.last.settings
        assert settings[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter_fourcc(*"MJPG")
        assert (settings[cv2.CAP_PROP_FRAME_WIDTH], settings[cv2.CAP_PROP_FRAME_HEIGHT]) == (640, 480)
        assert settings[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert frame.image.shape == (224, 224, 3) and frame.image[0, 0, 0] == 5
    assert frame.seq == 0 and Driver.last.released


@pytest.mark.parametrize("stamp_ms, t_s", [(49_960.0, 49.96), (0.0, 50.0), (51_000.0, 50.0), (-1.0, 50.0)])
def test_the_drivers_time_counts_where_it_is_plausible(usb, stamp_ms, t_s, monkeypatch):
    monkeypatch.setattr(Driver, "stamp_ms", stamp_ms)
    with usb:
        assert usb.read(1.0).t_s == pytest.approx(t_s)


def test_unplugged_while_driving(usb):
    with usb:
        for _ in range(3):
            usb.read(1.0)
        with pytest.raises(CameraError, match=r"sends no pictures.*v4l2-ctl"):
            usb.read(1.0)
        usb.path.unlink()
        with pytest.raises(CameraError, match="unplugged"):
            usb.read(1.0)


def test_a_camera_that_never_sends_is_refused_and_released(usb, monkeypatch):
    monkeypatch.setattr(Driver, "pictures", [])
    with pytest.raises(CameraError, match="sends no pictures"):
        usb.open()
    assert Driver.last.released


def test_grey_cameras_are_made_bgr(usb, monkeypatch):
    monkeypatch.setattr(Driver, "pictures", [np.full((480, 640), 9, np.uint8)] * 8)
    with usb:
        assert usb.read(1.0).image.shape == (224, 224, 3)


def plugged_in(folder, number, serial, name="HD Webcam"):
    """A camera as Linux shows it: two nodes, the second for metadata."""
    for index in (0, 1):
        node = folder / f"video{number + index}"
        node.touch()
        facts = folder / "sys" / "class" / "video4linux" / node.name
        facts.mkdir(parents=True)
        (facts / "name").write_text(f"{name}\n")
        (facts / "index").write_text(f"{index}\n")
        if serial:
            links = folder / "v4l" / "by-id"
            links.mkdir(parents=True, exist_ok=True)
            (links / f"usb-{serial}-video-index{index}").symlink_to(node)


def unplugged(folder, number):
    for node in (folder / f"video{number}", folder / f"video{number + 1}"):
        node.unlink()
        shutil.rmtree(folder / "sys" / "class" / "video4linux" / node.name)
    for link in folder.glob("v4l/by-id/*"):
        if not link.exists():
            link.unlink()


@pytest.fixture
def socket_of_usb(tmp_path, monkeypatch):
    """A folder to plug cameras into; whatever is opened sends pictures, as long as its node is there."""
    monkeypatch.setattr(cv2, "VideoCapture", Plugged)
    return tmp_path


class Plugged(Driver):
    def __init__(self, path, *_source) -> None:
        super().__init__()
        self.path = Path(path)
        self.count = 0

    def read(self):
        self.count += 1
        there = self.path.exists()
        return there, np.full((480, 640, 3), self.count % 200, np.uint8) if there else None


@pytest.mark.parametrize("serial", ["Acme_1234", ""])
def test_plugged_in_anew_with_another_number(socket_of_usb, serial):
    plugged_in(socket_of_usb, 0, serial)
    camera = UsbCamera(CONFIG, nodes=VideoNodes(str(socket_of_usb), str(socket_of_usb / "sys")))
    with Background(camera, first_delay_s=0.01) as background:
        background.read(10.0)
        plugged_in(socket_of_usb, 2, "Other_1", "Other camera")
        unplugged(socket_of_usb, 0)
        with pytest.raises(CameraError, match="video0 is gone"):
            while True:
                background.read(10.0)
        plugged_in(socket_of_usb, 4, serial)
        while True:
            try:
                background.read(10.0)
                break
            except CameraError:
                continue
        assert camera.path.name == "video4"
        assert background.recoveries >= 1


def test_another_camera_on_the_old_number_is_not_taken(socket_of_usb):
    plugged_in(socket_of_usb, 0, "Acme_1234")
    camera = UsbCamera(CONFIG, nodes=VideoNodes(str(socket_of_usb), str(socket_of_usb / "sys")))
    camera.open()
    camera.close()
    unplugged(socket_of_usb, 0)
    plugged_in(socket_of_usb, 0, "Other_1")
    with pytest.raises(CameraError, match="video0 is gone"):
        camera.open()


def test_a_camera_that_another_program_holds_says_by_which(usb, monkeypatch):
    monkeypatch.setattr(Driver, "pictures", [])
    with usb.path.open() as node, subprocess.Popen(["sleep", "60"], stdin=node) as other:
        try:
            with pytest.raises(CameraError, match=rf"sends no pictures: sleep 60 \(process {other.pid}\) holds it"):
                usb.open()
        finally:
            other.kill()
