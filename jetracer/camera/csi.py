"""The CSI ribbon-cable camera of a Jetson, through NVIDIA's Argus."""
from __future__ import annotations

import re
from typing import Any, Optional

from jetracer.camera.base import Camera, CameraConfig
from jetracer.camera.capture import CaptureCamera
from jetracer.camera.gst_child import GstChild
from jetracer.camera.gstreamer import csi_source, opencv_pipeline
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout
from jetracer.core.types import Frame

RESTART = "sudo systemctl restart nvargus-daemon"


class CsiCamera(Camera):
    """Sensor `config.device`; inside our process when OpenCV knows GStreamer, else in a child process.

    `source` replaces the pipeline's source, for other GStreamer cameras and for tests.
    """

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None, source: str = "") -> None:
        self.config = config
        self._clock = clock or MonotonicClock()
        self._source = source or csi_source(config)
        self._route: Optional[Camera] = None

    def open(self) -> None:
        """Raises CameraError: no Argus on this machine, or one that must be restarted."""
        if self._route is None:
            kind = GstreamerCapture if opencv_has_gstreamer() else GstChild
            self._route = kind(self._source, self.config, self._clock)
        try:
            self._route.open()
        except CameraError as error:
            raise _advised(error) from error

    def close(self) -> None:
        if self._route is not None:
            self._route.close()

    def read(self, timeout_s: float) -> Frame:
        if self._route is None:
            raise CameraError("The camera is not open; use `with` or call open() first.")
        try:
            return self._route.read(timeout_s)
        except CameraTimeout:
            raise
        except CameraError as error:
            raise _advised(error) from error


class GstreamerCapture(CaptureCamera):
    """A GStreamer pipeline inside OpenCV."""

    def __init__(self, source: str, config: CameraConfig, clock: Optional[Clock] = None) -> None:
        super().__init__(config, clock)
        self._pipeline = opencv_pipeline(source)

    def _start(self) -> Any:
        import cv2

        capture = cv2.VideoCapture(self._pipeline, cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            raise CameraError(f"OpenCV cannot open the pipeline: {self._pipeline}")
        return capture

    def _lost(self) -> str:
        return "The CSI camera sends no pictures."


def opencv_has_gstreamer() -> bool:
    import cv2

    return has_gstreamer(cv2.getBuildInformation())


def has_gstreamer(build: str) -> bool:
    """Whether the text of cv2.getBuildInformation says so."""
    return bool(re.search(r"GStreamer:\s+YES", build))


def _advised(error: CameraError) -> CameraError:
    """The error with the step that helps."""
    text = str(error)
    if isinstance(error, CameraEnded) or "not installed" in text:
        return error
    if re.search(r'no element "nvarguscamerasrc"', text):
        return CameraError(
            "This machine has no CSI camera (GStreamer lacks nvarguscamerasrc); on a Jetson run: "
            "sudo apt-get install nvidia-l4t-gstreamer; elsewhere choose --camera usb or --camera sim."
        )
    return CameraError(f"The CSI camera failed: {text} Check the ribbon cable, then run: {RESTART}")
