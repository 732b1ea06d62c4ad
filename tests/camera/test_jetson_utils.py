from __future__ import annotations

import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.jetson_utils import JetsonUtilsCamera
from jetracer.camera.load import make_camera, resolve
from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout

CONFIG = CameraConfig("jetson_utils", width=32, height=24, capture_width=64, capture_height=48, fps=30.0)


@pytest.fixture
def package(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "stand_ins"))
    import jetson_utils

    yield jetson_utils
    del sys.modules["jetson_utils"]


@pytest.fixture
def camera(package):
    with JetsonUtilsCamera(CONFIG, FakeClock(50.0)) as camera:
        yield camera


def test_pictures_are_bgr_and_our_own(camera, package):
    first = camera.read(1.0)
    blue = int(first.image[0, 0, 0])
    assert first.image.shape == (24, 32, 3)
    assert tuple(first.image[5, 5, 1:]) == (100, 200), "green, red"
    later = [camera.read(1.0) for _ in range(2 * package.BUFFERS)]
    assert int(first.image[0, 0, 0]) == blue, "the ring went on, the picture did not"
    assert [int(frame.image[0, 0, 0]) for frame in later] == [blue + n for n in range(1, 5)]
    assert [frame.seq for frame in [first, *later]] == [1, 2, 3, 4, 5], "the first one proved that the camera works"


def test_without_scaling_the_mapped_memory_is_passed_over_once(package):
    with JetsonUtilsCamera(replace(CONFIG, width=64, height=48)) as camera:
        frame = camera.read(1.0)
    assert frame.image.flags.c_contiguous and frame.image.flags.owndata
    assert not any(np.shares_memory(frame.image, memory) for memory in package.videoSource.last._ring)


def test_memory_that_only_the_gpu_sees_is_copied(camera, package):
    package.videoSource.last.mapped = False
    assert tuple(camera.read(1.0).image[0, 0, 1:]) == (100, 200)


def test_what_is_asked_of_the_source(camera, package):
    source = package.videoSource.last
    assert source.uri == "csi://0"
    assert source.options == {"input-width": "64", "input-height": "48", "input-rate": "30", "input-flip": "none"}
    with JetsonUtilsCamera(CameraConfig("jetson_utils", path="/dev/video0", flip=2)):
        assert package.videoSource.last.options["input-flip"] == "rotate-180"
        assert package.videoSource.last.options["input-width"] == "640"
        assert package.videoSource.last.uri == "/dev/video0"


@pytest.mark.parametrize("stamp_ns, t_s", [(49_950_000_000, 49.95), (3_000_000_000, 50.0), (0, 50.0)])
def test_a_monotonic_stamp_counts_and_one_since_the_programs_start_does_not(camera, package, stamp_ns, t_s):
    package.videoSource.last.timestamp = stamp_ns
    assert camera.read(1.0).t_s == pytest.approx(t_s)


@pytest.mark.parametrize("old", [False, True])
def test_silence_is_a_timeout_in_old_versions_too(camera, package, old):
    package.videoSource.last.silent, package.videoSource.last.old = True, old
    with pytest.raises(CameraTimeout, match=r"csi://0 sent no picture within 0\.010 s"):
        camera.read(0.01)


@pytest.mark.parametrize("uri, error", [("file://film.mp4", CameraEnded), ("rtsp://car/stream", CameraError)])
def test_the_end_of_a_stream(package, uri, error):
    with JetsonUtilsCamera(CameraConfig("jetson_utils", path=uri)) as camera:
        package.videoSource.last.left = 1
        camera.read(1.0)
        with pytest.raises(error, match=uri) as info:
            camera.read(1.0)
    assert type(info.value) is error


@pytest.mark.parametrize("uri", ["csi://nowhere", "v4l2:///dev/busy"])
def test_a_source_that_does_not_open(package, uri):
    camera = JetsonUtilsCamera(CameraConfig("jetson_utils", path=uri))
    with pytest.raises(CameraError, match=f"cannot open {uri}: .*video-viewer"):
        camera.open()
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.0)


def test_a_source_without_a_first_picture_is_closed_again(package, monkeypatch):
    monkeypatch.setattr(package.videoSource, "Capture", lambda self, format="rgb8", timeout=1000: None)
    with pytest.raises(CameraTimeout):
        JetsonUtilsCamera(CONFIG).open()
    assert not package.videoSource.last.IsStreaming()


def test_by_name_through_the_background(package):
    assert resolve(CameraConfig("jetson_utils:rtsp://a:b@car:554/x")).path == "rtsp://a:b@car:554/x"
    with make_camera(CameraConfig("jetson_utils:csi://1", width=32, height=24)) as camera:
        assert camera.read(10.0).image.shape == (24, 32, 3)


def test_the_package_of_the_same_name_on_pypi_is_told_apart(monkeypatch):
    monkeypatch.setitem(sys.modules, "jetson_utils", types.ModuleType("jetson_utils"))
    with pytest.raises(CameraError, match=r"another package: PyPI.*pip uninstall jetson-utils"):
        JetsonUtilsCamera(CONFIG).open()


def test_without_the_package_it_says_what_to_choose():
    with pytest.raises(CameraError, match=r"not installed.*--camera csi or usb"):
        JetsonUtilsCamera(CONFIG).open()


@pytest.mark.jetson
def test_a_real_one():
    pytest.importorskip("jetson_utils", reason="needs dusty-nv's jetson_utils and a CSI camera")
    with make_camera(CameraConfig("jetson_utils:csi://0")) as camera:
        assert camera.read(10.0).image.shape == (224, 224, 3)
