"""NVIDIA's jetcam as a camera, where that package is installed; or a camera object of a notebook.

Interface: github.com/NVIDIA-AI-IOT/jetcam, `jetcam/camera.py`.
"""
from __future__ import annotations

from importlib import import_module
from typing import Any, Optional

from jetracer.camera.base import Camera, CameraConfig
from jetracer.camera.capture import fitted
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraError, CameraTimeout, ConfigError
from jetracer.core.mailbox import Mailbox
from jetracer.core.registry import unknown
from jetracer.core.types import Frame

_CLASSES = {"csi": "CSICamera", "usb": "USBCamera"}


class JetcamCamera(Camera):
    """`jetcam:csi` (the default) or `jetcam:usb`; `camera` is a jetcam camera, or a class of them, to use instead.

    jetcam knows no time of a picture: it is that of its arrival, less `latency_s`. A camera that runs already goes on
    running, and is left open; its pictures are listened to. `value` from before is never taken: it may be garbage.
    """

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None, camera: Any = None) -> None:
        self.config = config
        self._clock = clock or MonotonicClock()
        self._given = camera
        self._camera: Any = None
        self._own = False
        self._mailbox: Optional[Mailbox] = None
        self._seq = 0

    def open(self) -> None:
        """Raises CameraError: no jetcam here, or a camera that does not start."""
        if self._camera is not None:
            return
        self._own = self._given is None or isinstance(self._given, type)
        self._camera = self._made() if self._own else self._given
        if self._camera.running:
            self._mailbox = Mailbox()
            self._camera.observe(self._hear, names="value")

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is None:
            return
        if self._mailbox is not None:
            camera.unobserve(self._hear, names="value")
            self._mailbox = None
        if self._own:
            camera.cap.release()  # jetcam has no close

    def read(self, timeout_s: float) -> Frame:
        """A camera that does not run blocks as long as jetcam does; read it through Background."""
        if self._camera is None:
            raise CameraError("The camera is not open; use `with` or call open() first.")
        image, t_s = self._heard(timeout_s) if self._mailbox is not None else (self._read(), self._clock.now_s())
        seq, self._seq = self._seq, self._seq + 1
        return Frame(fitted(image, self.config.width, self.config.height), t_s - self.config.latency_s, seq)

    def _made(self) -> Any:
        config = self.config
        sizes = {"width": config.width, "height": config.height, "capture_device": config.device,
                 "capture_fps": round(config.fps)}
        if config.capture_width and config.capture_height:
            sizes.update(capture_width=config.capture_width, capture_height=config.capture_height)
        try:
            return (self._given or _class(config.path or "csi"))(**sizes)
        except RuntimeError as error:
            raise CameraError(f"jetcam: {error} Use --camera csi or usb, which say more.") from error

    def _read(self) -> Any:
        try:
            return self._camera.read()
        except RuntimeError as error:
            raise CameraError(f"jetcam: {error}") from error

    def _heard(self, timeout_s: float) -> Any:
        try:
            return self._mailbox.get(timeout_s)
        except TimeoutError:
            # jetcam's thread dies of the first error in an observer, and `running` stays True
            raise CameraTimeout(f"jetcam's camera showed no new picture within {timeout_s:.3f} s.") from None

    def _hear(self, change: Any) -> None:
        self._mailbox.put((change["new"], self._clock.now_s()))


def _class(kind: str) -> Any:
    if kind not in _CLASSES:
        raise unknown("camera of jetcam", kind, _CLASSES)
    try:
        found = getattr(import_module(f"jetcam.{kind}_camera"), _CLASSES[kind])
    except ImportError as error:
        raise CameraError(f"jetcam is not installed; it is not needed either: choose --camera {kind}.") from error
    if found.__module__.startswith("jetracer."):
        raise ConfigError(f"This jetcam is JetRacer's own; choose --camera {kind}.")
    return found
