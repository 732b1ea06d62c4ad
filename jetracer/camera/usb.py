"""USB cameras through V4L2."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional

from jetracer.camera.base import CameraConfig
from jetracer.camera.capture import CaptureCamera
from jetracer.camera.gstreamer import CAPTURE_HEIGHT, CAPTURE_WIDTH
from jetracer.core.clock import Clock
from jetracer.core.errors import CameraError


class UsbCamera(CaptureCamera):
    """/dev/videoN, N = `config.device`, sending JPEG: raw pictures do not fit through USB 2 at full rate."""

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None, dev: str = "/dev") -> None:
        super().__init__(config, clock)
        self.path = Path(dev) / f"video{config.device}"

    def _start(self) -> Any:
        import cv2

        check_device(self.path)
        capture = cv2.VideoCapture(str(self.path), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise CameraError(
                f"{self.path} cannot be opened as a camera: another program may hold it, or it is no "
                f"picture source; see who holds it with: fuser -v {self.path}"
            )
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self.config.capture_width or CAPTURE_WIDTH)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self.config.capture_height or CAPTURE_HEIGHT)
        capture.set(cv2.CAP_PROP_FPS, self.config.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a wish only: many drivers keep two or more
        return capture

    def _lost(self) -> str:
        if not self.path.exists():
            return f"{self.path} is gone: the camera was unplugged or lost power; plug it in again."
        return (
            f"{self.path} sends no pictures: another program may be using it, or it lacks this size or rate; "
            f"see with: fuser -v {self.path}; v4l2-ctl -d {self.path} --list-formats-ext"
        )


def check_device(path: Path) -> None:
    """Raise CameraError for what can be told before opening: not there, no permission."""
    if not path.exists():
        others = ", ".join(str(other) for other in sorted(path.parent.glob("video[0-9]*")))
        hint = f"there is {others}: choose one with --camera usb:N" if others else "plug in a USB camera"
        raise CameraError(f"{path} does not exist; {hint}.")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraError(f"No permission on {path}; run: sudo usermod -aG video $USER, then log in again.")
