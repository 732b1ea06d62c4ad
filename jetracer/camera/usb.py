"""USB cameras through V4L2."""
from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Optional

from jetracer.camera.base import CameraConfig
from jetracer.camera.capture import CaptureCamera
from jetracer.camera.gstreamer import CAPTURE_HEIGHT, CAPTURE_WIDTH
from jetracer.camera.v4l2 import Identity, VideoNodes
from jetracer.core.clock import Clock
from jetracer.core.errors import CameraError

_log = logging.getLogger(__name__)


class UsbCamera(CaptureCamera):
    """/dev/videoN, N = `config.device`, sending JPEG: raw pictures do not fit through USB 2 at full rate.

    A camera that was plugged in anew is found again by its identity, also where its number has changed.
    """

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None, nodes: Optional[VideoNodes] = None) -> None:
        super().__init__(config, clock)
        self._nodes = nodes or VideoNodes()
        self.path = self._nodes.dev / f"video{config.device}"
        self._identity: Optional[Identity] = None

    def open(self) -> None:
        if self._capture is None:
            super().open()
            self._identity = self._nodes.identity(self.path)

    def _start(self) -> Any:
        import cv2

        if self._identity is not None:
            self._follow(self._identity)
        check_device(self.path)
        capture = cv2.VideoCapture(str(self.path), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise CameraError(f"{self.path} cannot be opened as a camera: {self._held()}, or it is no picture source.")
        jpeg = cv2.VideoWriter_fourcc(*"MJPG")
        capture.set(cv2.CAP_PROP_FOURCC, jpeg)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self.config.capture_width or CAPTURE_WIDTH)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self.config.capture_height or CAPTURE_HEIGHT)
        capture.set(cv2.CAP_PROP_FPS, self.config.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a wish only: many drivers keep two or more
        if int(capture.get(cv2.CAP_PROP_FOURCC)) != jpeg:
            _log.info("%s sends no JPEG; over USB 2 raw pictures may come slowly", self.path)
        return capture

    def _follow(self, identity: Identity) -> None:
        """Go to the node that the camera has now; another camera may have got its old one. Raises CameraError."""
        same = self.path.exists() and self._nodes.identity(self.path) == identity
        if same or not (identity.link or identity.name):
            return
        node = self._nodes.find(identity)
        if node is None:
            raise CameraError(self._gone())
        _log.warning("the camera is %s now, no more %s", node, self.path)
        self.path = node

    def _lost(self) -> str:
        if not self.path.exists():
            return self._gone()
        return (
            f"{self.path} sends no pictures: {self._held()}, or it lacks this size or rate; "
            f"see with: v4l2-ctl -d {self.path} --list-formats-ext"
        )

    def _gone(self) -> str:
        return f"{self.path} is gone: the camera was unplugged or lost power; plug it in again."

    def _held(self) -> str:
        """Who has the camera, for the middle of a sentence."""
        holders = self._nodes.holders(self.path)
        if holders:
            return f"{' and '.join(holders)} holds it"
        return f"another program may hold it (sudo fuser -v {self.path} tells)"


def check_device(path: Path) -> None:
    """Raise CameraError for what can be told before opening: not there, no permission."""
    if not path.exists():
        others = ", ".join(str(other) for other in sorted(path.parent.glob("video[0-9]*")))
        hint = f"there is {others}: choose one with --camera usb:N" if others else "plug in a USB camera"
        raise CameraError(f"{path} does not exist; {hint}.")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraError(f"No permission on {path}; run: sudo usermod -aG video $USER, then log in again.")
