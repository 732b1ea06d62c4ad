"""Cameras: one verb, `read`, and pictures that never come twice."""
from __future__ import annotations

from dataclasses import dataclass

from jetracer.core.device import Device
from jetracer.core.registry import Registry
from jetracer.core.types import Frame


@dataclass(frozen=True)
class CameraConfig:
    """Which camera, and what it delivers. `make_camera` turns it into an open-able camera."""

    name: str = "csi"  # csi, usb, jetcam, jetson_utils, sim, replay, null; also NAME:PATH or NAME:NUMBER (usb:1)
    path: str = ""  # replay: folder or video file; sim: the world's folder; jetcam: csi or usb; jetson_utils: a URI
    device: int = 0  # usb: the N of /dev/videoN; csi, jetcam: the sensor's number
    width: int = 224  # px, of the frames delivered
    height: int = 224  # px
    fps: float = 30.0  # frames per second asked of the sensor; also of a recording without time stamps
    capture_width: int = 0  # px the sensor captures before scaling; 0: the backend's own choice
    capture_height: int = 0  # px
    flip: int = 0  # csi, jetson_utils: nvvidconv's flip-method (2 = camera mounted upside down)
    latency_s: float = 0.0  # real cameras: known delay from exposure to arrival, taken off each time stamp
    realtime: bool = True  # replay, null: keep the recording's own pace; False: as fast as asked
    calibration: str = ""  # the camera's file (calibration/camera/NAME.toml): what steering in metres needs
    loop: bool = False  # replay: begin again at the end instead of raising CameraEnded


class Camera(Device):
    """A source of frames. Backends are built as `Backend(config, clock)` and touch nothing before `open`."""

    def read(self, timeout_s: float) -> Frame:
        """The newest frame not yet returned, waiting at most `timeout_s` for one; never the same frame twice.

        `seq` counts what the source produced, so a gap between two reads is the number of frames dropped.
        The image belongs to the reader: the camera never writes into it again.
        Raises CameraTimeout (nothing new in time), CameraEnded (a recording is over) or CameraError.
        """
        raise NotImplementedError


CAMERAS = Registry(
    "camera",
    {
        "csi": "jetracer.camera.csi:CsiCamera",
        "jetcam": "jetracer.camera.jetcam:JetcamCamera",
        "jetson_utils": "jetracer.camera.jetson_utils:JetsonUtilsCamera",
        "null": "jetracer.camera.null:NullCamera",
        "replay": "jetracer.camera.replay:ReplayCamera",
        "sim": "jetracer.sim.camera:SimCamera",
        "usb": "jetracer.camera.usb:UsbCamera",
    },
)
