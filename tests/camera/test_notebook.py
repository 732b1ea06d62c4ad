"""jetcam's cameras, as NVIDIA's notebooks use them, and without what went wrong there."""
from __future__ import annotations

import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
import traitlets

import jetracer.camera
from jetracer.camera import CSICamera, USBCamera, bgr8_to_jpeg
from jetracer.camera import notebook as module
from jetracer.camera.base import CAMERAS
from jetracer.camera.null import NullCamera
from jetracer.camera.null import test_pictures as pictures
from jetracer.core.errors import CameraEnded, CameraError, CameraRefused, UnknownName
from jetracer.drive import mishap


@pytest.fixture(autouse=True)
def laptop(monkeypatch):
    monkeypatch.setenv("JETRACER_CAMERA", "null")


@pytest.fixture
def shown(monkeypatch):
    """Call it in the test, for pytest sets a hook of its own while one runs: the errors that a thread shows."""

    def keep():
        errors = []
        monkeypatch.setattr(threading, "excepthook", lambda arguments: errors.append(arguments.exc_value))
        return errors

    return keep


@pytest.fixture
def camera():
    with CSICamera(width=64, height=48, capture_fps=100) as camera:
        yield camera


def observed(camera, count=3, **names):
    """The changes that an observer sees."""
    changes, enough = [], threading.Event()

    def note(change):
        changes.append(change)
        if len(changes) >= count:
            enough.set()

    camera.observe(note, **(names or {"names": "value"}))
    assert enough.wait(20), "pictures stopped coming"
    return changes


def test_jetcams_traits_and_defaults():
    with CSICamera() as camera:
        assert (camera.width, camera.height, camera.format, camera.running) == (224, 224, "bgr8", False)
        assert (camera.capture_device, camera.capture_fps) == (0, 30)
        assert (camera.capture_width, camera.capture_height) == (640, 480)
        assert camera.value.shape == (224, 224, 3) and camera.value.dtype == np.uint8
    assert {"value", "width", "height", "format", "running", "capture_fps"} <= set(USBCamera.class_trait_names())


def test_the_first_value_is_a_picture(camera):
    assert any(np.array_equal(camera.value, picture) for picture in pictures(64, 48))
    assert np.isfinite(camera.value_t_s)


def test_read_gives_one_picture_after_the_other(camera):
    first, before_s = camera.value, camera.value_t_s
    second = camera.read()
    assert second is camera.value
    assert not np.array_equal(first, second)
    assert camera.value_t_s > before_s


def test_running_feeds_observers_and_links_as_the_notebooks_do(camera):
    class Widget(traitlets.HasTraits):
        value = traitlets.Bytes()

    camera.running = True
    camera.unobserve_all()
    widget = Widget()
    link = traitlets.dlink((camera, "value"), (widget, "value"), transform=bgr8_to_jpeg)
    changes = observed(camera)
    assert all(change["new"].shape == (48, 64, 3) for change in changes)
    assert cv2.imdecode(np.frombuffer(widget.value, np.uint8), cv2.IMREAD_COLOR).shape == (48, 64, 3)
    with pytest.raises(RuntimeError, match="Cannot read directly while camera is running"):
        camera.read()
    link.unlink()
    camera.running = False
    last = camera.value
    assert camera.read() is not last


def test_running_survives_unobserve_all(camera):
    for _ in range(2):
        camera.unobserve_all()
        camera.running = True
        thread = camera._thread
        observed(camera, count=1)
        camera.unobserve_all("value")
        camera.unobserve_all()
        camera.running = False
        assert not thread.is_alive()


def test_observers_of_everything_see_pictures_and_nothing_of_ours(camera):
    camera.running = True
    assert {change["name"] for change in observed(camera, names=traitlets.All)} <= {"value"}


def test_the_error_of_an_observer_is_shown_stops_the_car_and_is_raised_by_the_next_read(camera, shown, monkeypatch):
    errors, stopped = shown(), []
    monkeypatch.setattr(mishap, "_WATCHED", [])
    mishap.watch(lambda: stopped.append(len(errors)))
    ended = threading.Event()
    camera.observe(lambda change: ended.set() if not change["new"] else None, names="running")
    camera.observe(lambda change: 1 / 0, names="value")
    camera.running = True
    assert ended.wait(20)
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert stopped == [0], "the car stops first, then the error is shown"
    with pytest.raises(ZeroDivisionError):
        camera.read()
    camera.unobserve_all()
    assert camera.read() is not None
    camera.running = True
    observed(camera, count=1)


def test_an_observer_may_stop_the_camera(camera):
    stopped = threading.Event()

    def stop(change):
        camera.running = False
        stopped.set()

    camera.observe(stop, names="value")
    camera.running = True
    assert stopped.wait(20)
    assert not camera.running


@pytest.mark.parametrize("end", ["close", "stop", "release", "cap"])
def test_it_ends_by_any_name_and_begins_again(camera, end):
    camera.running = True
    device = camera._camera
    (camera.cap.release if end == "cap" else getattr(camera, end))()
    assert not camera.running and camera._camera is None
    assert device._start_s is None, "closed"
    camera.close()
    assert camera.read().shape == (48, 64, 3)
    camera.close()
    camera.running = True
    observed(camera, count=1)


class Flaky(NullCamera):
    """A camera that fails when told to."""

    trouble = None

    def open(self):
        if isinstance(self.trouble, OSError):
            raise self.trouble
        super().open()

    def read(self, timeout_s):
        if self.trouble is not None:
            raise self.trouble
        return super().read(timeout_s)


@pytest.fixture
def flaky(monkeypatch):
    monkeypatch.setattr(Flaky, "trouble", None)
    monkeypatch.setitem(CAMERAS._places, "null", f"{__name__}:Flaky")
    return Flaky


def test_a_camera_that_does_not_start_says_so_as_jetcams_does(flaky):
    flaky.trouble = CameraError("The ribbon is loose.")
    jetcams = r"Could not initialize camera\.  Please see error trace\. The ribbon"
    with pytest.raises(RuntimeError, match=jetcams) as info:
        CSICamera()
    assert "JETRACER_CAMERA=null" in str(info.value)
    assert isinstance(info.value, CameraRefused)


def test_it_does_not_run_when_it_cannot_be_opened_again(camera, flaky):
    camera.close()
    flaky.trouble = CameraError("gone")
    with pytest.raises(RuntimeError, match="Could not initialize"):
        camera.running = True
    assert not camera.running


def test_a_failed_read(flaky):
    with CSICamera() as camera:
        flaky.trouble = CameraError("no picture")
        with pytest.raises(RuntimeError, match=r"Could not read image from camera\. no picture"):
            camera.read()


def test_silence_is_told_once_and_pictures_come_back(flaky, shown):
    with CSICamera(capture_fps=100) as camera:
        errors = shown()
        flaky.trouble = CameraError("no picture")
        camera.running = True
        give_up_s = time.monotonic() + 20
        while not errors:
            assert time.monotonic() < give_up_s
            camera._ended.wait(0.005)
        flaky.trouble = None
        observed(camera, count=2)
        assert len(errors) == 1


def test_the_end_of_the_camera_ends_running(flaky, shown):
    errors = shown()
    with CSICamera() as camera:
        flaky.trouble = CameraEnded("over")
        camera.running = True
        camera._thread.join(20)
        assert not camera.running
        assert [str(error) for error in errors] == ["over"]


def test_a_recording_by_environment_or_by_name_begins_again(tmp_path, monkeypatch):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((60, 80, 3), 10 * number, np.uint8))
    monkeypatch.setenv("JETRACER_CAMERA", f"replay:{tmp_path}")
    with CSICamera(width=32, height=16, capture_fps=200) as camera:
        assert {int(camera.read()[0, 0, 0]) for _ in range(12)} == {0, 10, 20}
        assert camera.value.shape == (16, 32, 3)
    monkeypatch.delenv("JETRACER_CAMERA")
    with CSICamera(capture_device=f"replay:{tmp_path}") as camera:
        assert camera.value.shape == (224, 224, 3)


def test_the_device_is_the_number_without_an_environment(monkeypatch):
    monkeypatch.delenv("JETRACER_CAMERA")
    with pytest.raises(RuntimeError, match="video7"):
        USBCamera(capture_device=7)


def test_a_cell_that_is_run_again_takes_the_device_over(camera):
    camera.running = True
    with CSICamera() as second:
        assert not camera.running and camera._camera is None
        assert second.read() is not None


def test_a_wrong_name_gets_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'capture_width'"):
        CSICamera(capture_widht=1280)


def test_running_from_the_start():
    with CSICamera(running=True) as camera:
        observed(camera, count=1)


def test_the_quality_of_a_jpeg_counts():
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    assert len(bgr8_to_jpeg(picture, 20)) < 0.7 * len(bgr8_to_jpeg(picture)) < len(bgr8_to_jpeg(picture, 100))
    assert isinstance(bgr8_to_jpeg(picture), bytes)


def test_importing_cameras_loads_no_traitlets():
    probe = "import sys, jetracer.camera\nprint('traitlets' in sys.modules, 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    with pytest.raises(AttributeError, match="has no attribute 'CSICam'; it has: CSICamera"):
        _ = jetracer.camera.CSICam
    assert module.CSICamera is CSICamera
