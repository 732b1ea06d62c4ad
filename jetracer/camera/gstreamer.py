"""GStreamer pipelines as text: pure functions, no GStreamer needed.

A source ends in 4-byte BGRx of the wanted size: nvvidconv makes no 3-byte BGR, and BGRx rows need no padding.
A sink keeps only the newest picture: without that, a reader slower than the camera falls seconds behind.
"""
from __future__ import annotations

from fractions import Fraction
from typing import List

from jetracer.camera.base import CameraConfig

CAPTURE_WIDTH, CAPTURE_HEIGHT = 640, 480  # px; jetcam's default: models trained with it see the same view

# downstream: a full queue drops its OLDEST picture; one buffer and no limit in bytes or time
_NEWEST_ONLY = "queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0"


def csi_source(config: CameraConfig) -> str:
    """A Jetson's CSI camera (IMX219 and others) through NVIDIA's Argus, scaled by the hardware."""
    return (
        f"nvarguscamerasrc sensor-id={config.device} ! "
        f"video/x-raw(memory:NVMM), {_capture(config)}, format=NV12 ! "
        f"nvvidconv flip-method={config.flip} ! {_delivered(config)}"
    )


def test_source(config: CameraConfig, pattern: str = "bar", speed_px: int = -1) -> str:
    """A live test picture; it moves `speed_px` a frame, so that every frame tells its number."""
    return (
        f"videotestsrc is-live=true pattern={pattern} horizontal-speed={speed_px} ! "
        f"{_delivered(config)}, framerate={rate(config.fps)}"
    )


def opencv_pipeline(source: str) -> str:
    """For cv2.VideoCapture(text, cv2.CAP_GSTREAMER): delivers BGR, always the newest picture.

    The explicit BGR matters: without it OpenCV may negotiate grey or I420 pictures.
    """
    return f"{source} ! videoconvert ! video/x-raw, format=BGR ! appsink drop=true max-buffers=1 sync=false"


def child_command(source: str, fd: int) -> List[str]:
    """A gst-launch-1.0 command line that writes raw BGRx pictures to the file descriptor `fd`."""
    return ["gst-launch-1.0", "-q", *f"{source} ! {_NEWEST_ONLY} ! fdsink fd={fd} sync=false".split()]


def rate(fps: float) -> str:
    """Frames per second as GStreamer's fraction: 30 -> 30/1, 29.97 -> 30000/1001."""
    whole = round(fps)
    if abs(fps - whole * 1000 / 1001) < 0.005:  # the rates of American television
        return f"{whole * 1000}/1001"
    fraction = Fraction(fps).limit_denominator(1000)
    return f"{fraction.numerator}/{fraction.denominator}"


def _capture(config: CameraConfig) -> str:
    width, height = config.capture_width or CAPTURE_WIDTH, config.capture_height or CAPTURE_HEIGHT
    return f"width={width}, height={height}, framerate={rate(config.fps)}"


def _delivered(config: CameraConfig) -> str:
    return f"video/x-raw, width={config.width}, height={config.height}, format=BGRx"
