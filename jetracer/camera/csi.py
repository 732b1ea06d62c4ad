"""The CSI ribbon-cable camera of a Jetson, through NVIDIA's Argus."""
from __future__ import annotations

import logging
import math
import re
from typing import Any, Optional

from jetracer.camera import argus
from jetracer.camera.base import Camera, CameraConfig
from jetracer.camera.capture import CaptureCamera
from jetracer.camera.gst_child import GstChild
from jetracer.camera.gstreamer import csi_source, opencv_pipeline
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout
from jetracer.core.types import Frame

AGAIN_S = (1.0, 2.0, 4.0)  # pauses before the next attempts, once the daemon was restarted
_log = logging.getLogger(__name__)


class CsiCamera(Camera):
    """Sensor `config.device`; inside our process when OpenCV knows GStreamer, else in a child process.

    A daemon that is stuck is restarted, where that is permitted, and the camera opened again. That takes seconds: it
    happens before a drive, or on Background's thread, while the car is in neutral for want of pictures.

    `source` replaces the pipeline's source, for other GStreamer cameras and for tests.
    """

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None, source: str = "") -> None:
        self.config = config
        self._clock = clock or MonotonicClock()
        self._source = source or csi_source(config)
        self._route: Optional[Camera] = None
        self._refused_s, self._hindrance = -math.inf, ""

    def open(self) -> None:
        """Raises CameraError: no Argus on this machine, or one that does not work, with what to do."""
        if self._route is None:
            kind = GstreamerCapture if opencv_has_gstreamer() else GstChild
            self._route = kind(self._source, self.config, self._clock)
        try:
            self._route.open()
        except CameraError as error:
            if not ("nvarguscamerasrc" in self._source and argus.stuck(str(error))):
                raise _advised(error) from error
            self._mend(error)

    def _mend(self, error: CameraError) -> None:
        """Restart the daemon, and open the camera once it is back; without a restart, try just once more."""
        hindrance = self._restart()
        for pause_s in AGAIN_S[:1] if hindrance else AGAIN_S:
            self._clock.sleep_until(self._clock.now_s() + pause_s)
            try:
                self._route.open()
            except CameraError as again:
                error = again
            else:
                _log.warning("the CSI camera works again")
                return
        raise _advised(error, hindrance) from error

    def _restart(self) -> str:
        """As `argus.restart`; one that was refused is not tried again for a while."""
        now_s = self._clock.now_s()
        if now_s - self._refused_s >= argus.PAUSE_S:
            self._hindrance = argus.restart(now_s)
            self._refused_s = now_s if self._hindrance else -math.inf
        return self._hindrance

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


def _advised(error: CameraError, hindrance: str = "") -> CameraError:
    """The error with the step that helps; `hindrance` says why the daemon was not restarted."""
    text = str(error)
    if isinstance(error, CameraEnded) or "not installed" in text:
        return error
    if re.search(r'no element "nvarguscamerasrc"', text):
        return CameraError(
            "This machine has no CSI camera (GStreamer lacks nvarguscamerasrc); on a Jetson run: "
            "sudo apt-get install nvidia-l4t-gstreamer; elsewhere choose --camera usb or --camera sim."
        )
    advice = hindrance or f"Check the ribbon cable, then run: {argus.RESTART}"
    return CameraError(f"The CSI camera failed: {text} {advice}")
