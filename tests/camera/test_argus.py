"""A stuck camera daemon: seen, restarted where that is permitted, at most once a minute, and otherwise explained."""
from __future__ import annotations

import time
from contextlib import suppress

import pytest

from jetracer.camera import argus
from jetracer.camera.background import Background
from jetracer.camera.base import CameraConfig
from jetracer.camera.csi import CsiCamera
from jetracer.core.errors import CameraError

CONFIG = CameraConfig(name="csi", width=2, height=1)
STUCK = "Error generated. /argus/execute:751 Failed to create CaptureSession"


class Jetson:
    """A gst-launch that fails until the daemon was restarted; sudo and systemctl write down what they were asked."""

    def __init__(self, path, tmp_path, last_words=STUCK):
        self.log, mended = tmp_path / "log", tmp_path / "mended"
        self.mended = mended
        path.install("gst-launch-1.0", f"""
            FD=$(echo "$@" | sed "s/.*fd=//; s/ .*//")
            if [ ! -e {mended} ]; then echo "{last_words}" >&2; exit 1; fi
            while [ -e {mended} ]; do printf "ABCxDEFx" >/dev/fd/$FD || exit 1; sleep 0.01; done
            echo "{last_words}" >&2; exit 1""")
        path.install("systemctl", f"echo systemctl $@ >>{self.log}; touch {mended}")
        self._path = path

    def permit(self):
        self._path.install("sudo", f'echo sudo $@ >>{self.log}; [ "$1" = -n ] && shift && exec "$@"')

    @property
    def asked(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def jetson(path, tmp_path):
    return Jetson(path, tmp_path)


@pytest.mark.parametrize("words, verdict", [
    (STUCK, True), ("Error: No cameras available", True), ("(Argus) Error Timeout: waiting for the driver", True),
    ("OpenCV cannot open the pipeline: nvarguscamerasrc", True), ("The CSI camera sends no pictures.", True),
    ("Invalid camera device specified 3", False), ('no element "nvarguscamerasrc"', False),
])
def test_what_a_stuck_daemon_says(words, verdict):
    assert argus.stuck(words) is verdict


def test_a_stuck_daemon_is_restarted_and_the_camera_opens(jetson):
    jetson.permit()
    with CsiCamera(CONFIG) as camera:
        assert camera.read(10.0).image.tobytes() == b"ABCDEF"
    assert jetson.asked == ["sudo -n systemctl restart nvargus-daemon", "systemctl restart nvargus-daemon"]


def test_without_permission_the_error_names_the_command_and_how_to_permit_it(jetson):
    with pytest.raises(CameraError) as info:
        CsiCamera(CONFIG).open()
    assert "Failed to create CaptureSession" in str(info.value)
    assert "a password is required" in str(info.value)
    assert "run: sudo systemctl restart nvargus-daemon;" in str(info.value)
    assert "jetracer service install --allow-camera-restart" in str(info.value)
    assert not jetson.asked


def test_a_refusal_is_not_asked_for_again_and_again(jetson, path):
    path.install("sudo", f"echo asked >>{jetson.log}; exit 1")
    camera = CsiCamera(CONFIG)
    for _ in range(3):
        with pytest.raises(CameraError, match="run: sudo systemctl"):
            camera.open()
    assert jetson.asked == ["asked"]


def test_one_that_gets_well_by_itself_needs_nobody(jetson, path):
    path.install("sudo", f"touch {jetson.mended}; exit 1")
    with CsiCamera(CONFIG) as camera:
        assert camera.read(10.0)


def test_at_most_once_a_minute_whoever_asks(jetson, path):
    jetson.permit()
    path.install("systemctl", f"echo systemctl $@ >>{jetson.log}")  # it does not help
    for _ in range(3):
        with pytest.raises(CameraError, match="failed") as info:
            CsiCamera(CONFIG).open()
    assert "less than a minute ago, which did not help" in str(info.value)
    assert len(jetson.asked) == 2, "one sudo, one systemctl"
    assert argus.restart(time.monotonic() + argus.PAUSE_S) == ""
    assert len(jetson.asked) == 4


def test_a_note_of_the_time_before_a_reboot_counts_nothing(jetson):
    jetson.permit()
    assert argus.restart(1e9) == ""
    assert argus.restart(5.0) == ""


@pytest.mark.parametrize("body, cause", [("exit 5", "exit status 5"), (None, "sudo")])
def test_a_restart_that_fails(jetson, path, body, cause, monkeypatch):
    if body is None:
        (path.folder / "sudo").unlink()
        monkeypatch.setenv("PATH", str(path.folder))
    else:
        path.install("sudo", body)
    assert cause in argus.restart(0.0)


def test_other_pipelines_and_other_errors_restart_nothing(path, tmp_path):
    jetson = Jetson(path, tmp_path, last_words="Invalid camera device specified")
    jetson.permit()
    with pytest.raises(CameraError, match="Invalid camera device"):
        CsiCamera(CONFIG).open()
    jetson = Jetson(path, tmp_path)
    jetson.permit()
    with pytest.raises(CameraError, match="CaptureSession"):
        CsiCamera(CONFIG, source="videotestsrc").open()
    assert not jetson.asked


def test_while_driving_it_is_mended_behind_the_readers_back(jetson):
    """The reader, which is the drive loop, waits no longer than it asked to."""
    jetson.permit()
    jetson.mended.touch()
    with Background(CsiCamera(CONFIG), stall_s=0.2, first_delay_s=0.01) as camera:
        camera.read(10.0)
        jetson.mended.unlink()  # the daemon breaks down
        give_up_s, longest_s = time.monotonic() + 20.0, 0.0
        while not jetson.asked or camera.recoveries == 0:
            assert time.monotonic() < give_up_s
            longest_s = max(longest_s, _read_s(camera))
        while True:
            assert time.monotonic() < give_up_s
            try:
                camera.read(0.06)
                break
            except CameraError:
                continue
    assert longest_s < 0.5
    assert jetson.asked[0] == "sudo -n systemctl restart nvargus-daemon"


def _read_s(camera):
    start_s = time.monotonic()
    with suppress(CameraError):
        camera.read(0.06)
    return time.monotonic() - start_s
