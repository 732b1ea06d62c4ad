"""cv2.VideoCapture as a camera: what USB and OpenCV's own GStreamer cameras share."""
from __future__ import annotations

from typing import Any, Optional

from jetracer.camera.base import Camera, CameraConfig
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraError
from jetracer.core.types import Frame

_WARM_UP_FRAMES = 5  # the first pictures are dark or green until exposure has settled
_PLAUSIBLE_AGE_S = 1.0


class CaptureCamera(Camera):
    """Base of cameras behind OpenCV. A read blocks until OpenCV returns (up to 10 s when a camera hangs), so
    read it through Background, which keeps its reader's time-out whatever happens here.
    """

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None) -> None:
        self.config = config
        self._clock = clock or MonotonicClock()
        self._capture: Any = None
        self._seq = 0

    def open(self) -> None:
        if self._capture is not None:
            return
        capture = self._start()
        try:
            self._warm_up(capture)
        except CameraError:
            capture.release()
            raise
        self._capture = capture

    def close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def read(self, timeout_s: float) -> Frame:
        if self._capture is None:
            raise CameraError("The camera is not open; use `with` or call open() first.")
        grabbed, image = self._capture.read()
        if not grabbed or image is None:
            raise CameraError(self._lost())
        frame = Frame(self._fit(image), self._exposed_s() - self.config.latency_s, self._seq)
        self._seq += 1
        return frame

    def _start(self) -> Any:
        """An opened cv2.VideoCapture, or CameraError saying why there is none."""
        raise NotImplementedError

    def _lost(self) -> str:
        """One sentence for a picture that did not come, with the next step."""
        raise NotImplementedError

    def _warm_up(self, capture: Any) -> None:
        good = sum(capture.read()[0] for _ in range(_WARM_UP_FRAMES))
        if not good:
            raise CameraError(self._lost())

    def _fit(self, image: Any) -> Any:
        import cv2

        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        return fitted(image, self.config.width, self.config.height)

    def _exposed_s(self) -> float:
        import cv2

        return taken_s(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0, self._clock.now_s())


def taken_s(driver_s: float, now_s: float) -> float:
    """When a picture that arrives now was taken: the driver's time where it is monotonic and plausible, else now."""
    return driver_s if 0.0 <= now_s - driver_s <= _PLAUSIBLE_AGE_S else now_s


def fitted(image: Any, width: int, height: int) -> Any:
    """The picture, stretched where it has another size."""
    from jetracer.camera.pixels import resized

    size = (width, height)
    return image if image.shape[1::-1] == size else resized(image, size)
