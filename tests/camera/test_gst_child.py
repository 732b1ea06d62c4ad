"""The child process with real GStreamer and its test picture: a white bar that moves one pixel a frame."""
from __future__ import annotations

import shutil
import signal
import time

import numpy as np
import pytest

from jetracer.camera import gst_child
from jetracer.camera.background import Background
from jetracer.camera.base import CameraConfig
from jetracer.camera.csi import CsiCamera
from jetracer.camera.gst_child import GstChild
from jetracer.camera.gstreamer import test_source as moving_bar
from jetracer.core.errors import CameraError, CameraTimeout

FPS = 30
CONFIG = CameraConfig(name="csi", width=640, height=24, fps=FPS)
LONG_S = 10.0

real_gstreamer = pytest.mark.skipif(
    shutil.which("gst-launch-1.0") is None,
    reason=f"gst-launch-1.0 is not installed; run: {gst_child.GST_HINT}",
)


def number_of(frame) -> int:
    """The frame's own number, read from its pixels: the left edge of the bar."""
    return int(np.flatnonzero(frame.image[0].max(axis=1) > 100)[0])


def child(source: str = "", config: CameraConfig = CONFIG) -> GstChild:
    return GstChild(source or moving_bar(config), config)


@real_gstreamer
def test_every_frame_arrives_whole_and_in_order():
    with child() as camera:
        frames = [camera.read(LONG_S) for _ in range(8)]
    assert [number_of(frame) for frame in frames] == list(range(8))
    assert [frame.seq for frame in frames] == list(range(8))
    assert frames[0].image.shape == (24, 640, 3) and frames[0].image.flags.c_contiguous
    assert not np.shares_memory(frames[0].image, frames[1].image)


@real_gstreamer
def test_colours_are_bgr():
    config = CameraConfig(width=32, height=16)
    with child(moving_bar(config, pattern="red", speed_px=0), config) as camera:
        blue, green, red = camera.read(LONG_S).image[8, 8]
    assert red > 200 and blue < 50 and green < 50


@real_gstreamer
def test_a_slow_reader_does_not_fall_behind():
    with Background(child()) as camera:
        first = camera.read(LONG_S)
        late_s = []
        for _ in range(8):
            time.sleep(0.2)  # the slow reader itself, not a wait for something
            frame = camera.read(LONG_S)
            shown_s = (number_of(frame) - number_of(first)) / FPS
            late_s.append(time.monotonic() - first.t_s - shown_s)
        assert frame.seq - first.seq > 20, "the frames not read must show as a gap"
        assert camera.dropped > 10
    assert float(np.median(late_s)) <= 0.3


@real_gstreamer
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_hung_child_is_replaced(blow):
    inner = CsiCamera(CONFIG, source=moving_bar(CONFIG))
    with Background(inner, stall_s=0.2, first_delay_s=0.01) as camera:
        camera.read(LONG_S)
        first = inner._route.process
        first.send_signal(blow)
        with pytest.raises(CameraError, match=r"ended|silent"):
            while True:
                camera.read(LONG_S)
        while True:
            try:
                camera.read(LONG_S)
                break
            except CameraError:
                continue
        assert inner._route.process.pid != first.pid
        assert camera.recoveries >= 1
    assert first.poll() is not None


@real_gstreamer
def test_a_missing_argus_says_what_to_do():
    with pytest.raises(CameraError, match=r"no CSI camera.*nvidia-l4t-gstreamer"):
        CsiCamera(CameraConfig()).open()


@real_gstreamer
def test_a_failing_pipeline_names_the_cause_and_the_restart():
    source = "filesrc location=/nowhere/at/all ! video/x-raw, format=BGRx, width=640, height=24"
    with pytest.raises(CameraError, match=r"Resource not found.*restart nvargus-daemon"):
        CsiCamera(CONFIG, source=source).open()


@pytest.fixture
def fake_gst(path):
    """Puts a shell script in gst-launch-1.0's place; $FD is the file descriptor to write to."""
    find_fd = 'FD=$(echo "$@" | sed "s/.*fd=//; s/ .*//")'
    return lambda body: path.install("gst-launch-1.0", f"{find_fd}\n{body}")


def test_chatter_on_standard_output_does_not_reach_the_pictures(fake_gst):
    config = CameraConfig(width=2, height=1)
    fake_gst('echo "GST_ARGUS: Creating output stream"; printf "ABCxDEFx" >/dev/fd/$FD; exec sleep 100')
    with child("SOURCE", config) as camera:
        assert camera.read(LONG_S).image.tobytes() == b"ABCDEF"


def test_a_picture_in_pieces_is_put_together(fake_gst):
    config = CameraConfig(width=2, height=1)
    one = 'printf "ABCx" >/dev/fd/$FD; sleep 0.05; printf "DEFx" >/dev/fd/$FD'
    fake_gst(f"{one}; {one}; exec sleep 100")
    with child("SOURCE", config) as camera:
        images = []
        while len(images) < 2:
            try:
                images.append(camera.read(0.005).image.tobytes())
            except CameraTimeout:
                continue
    assert images == [b"ABCDEF", b"ABCDEF"]


def test_what_the_child_said_is_told(fake_gst):
    fake_gst('echo "Setting pipeline"; echo "ERROR: Failed to create CaptureSession" >&2; exit 1')
    with pytest.raises(CameraError, match=r"Failed to create CaptureSession.*restart nvargus-daemon"):
        CsiCamera(CONFIG).open()


def test_a_child_that_sends_nothing_is_ended(fake_gst, monkeypatch):
    monkeypatch.setattr(gst_child, "START_S", 0.05)
    fake_gst("exec sleep 100")
    camera = child("SOURCE")
    with pytest.raises(CameraTimeout, match="sent no picture"):
        camera.open()
    assert camera.process is None
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.0)


def test_gstreamer_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    camera = child("SOURCE")
    with pytest.raises(CameraError, match=r"not installed; run: .*gstreamer1\.0-tools"):
        camera.open()
    camera.close()
