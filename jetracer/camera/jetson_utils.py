"""dusty-nv's videoSource as a camera, where `jetson_utils` is installed: CSI, V4L2, RTSP, RTP, files.

Interface: github.com/dusty-nv/jetson-utils, `python/bindings/PyVideo.cpp`, `PyCUDA.cpp`; images are CUDA memory that
the CPU sees too ("mapped"), which belongs to a ring of a few buffers.
"""
from __future__ import annotations

from importlib import import_module
from typing import Any, Optional

from jetracer.camera.base import Camera, CameraConfig
from jetracer.camera.capture import fitted, taken_s
from jetracer.camera.gstreamer import CAPTURE_HEIGHT, CAPTURE_WIDTH
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout
from jetracer.core.types import Frame

START_S = 8.0  # the first picture of an Argus camera takes 2 to 4 s
_SOURCE = "https://github.com/dusty-nv/jetson-utils"


class JetsonUtilsCamera(Camera):
    """`jetson_utils:URI`, such as csi://0, /dev/video0, rtsp://host/stream or file://film.mp4; without one, the CSI
    sensor number `config.device`. Read it through Background.

    The package's time stamps count from the program's start; a picture's time is then that of its arrival.
    """

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None) -> None:
        self.config = config
        self.uri = config.path or f"csi://{config.device}"
        self._clock = clock or MonotonicClock()
        self._source: Any = None
        self._seq = 0

    def open(self) -> None:
        """Raises CameraError: no such package, or no such source."""
        if self._source is not None:
            return
        self._package = _package()
        config = self.config
        width, height = config.capture_width or CAPTURE_WIDTH, config.capture_height or CAPTURE_HEIGHT
        # as a command line: every version takes that; without a flip some choose one
        argv = [f"--input-width={width}", f"--input-height={height}", f"--input-rate={config.fps:g}",
                f"--input-flip={_FLIPS[config.flip]}"]
        try:
            source = self._package.videoSource(self.uri, argv=argv)
            source.Open()
        except Exception as error:  # the bindings raise plain Exception
            raise CameraError(f"jetson_utils cannot open {self.uri}: {error}; try: video-viewer {self.uri}") from error
        self._source = source
        try:
            self.read(START_S)
        except CameraError:
            self.close()
            raise

    def close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.Close()

    def read(self, timeout_s: float) -> Frame:
        if self._source is None:
            raise CameraError("The camera is not open; use `with` or call open() first.")
        taken, why = None, "nothing came"
        try:
            # every version has rgb8; we copy out of the ring anyway, and turn it to BGR in the same pass
            taken = self._source.Capture(format="rgb8", timeout=max(1, round(1000 * timeout_s)))
        except Exception as error:  # also a time-out, before 2023
            why = str(error)
        if taken is None:
            raise self._missed(timeout_s, why)
        t_s = taken_s(taken.timestamp / 1e9, self._clock.now_s()) - self.config.latency_s
        seq, self._seq = self._seq, self._seq + 1
        return Frame(self._picture(taken), t_s, seq)

    def _picture(self, taken: Any) -> Any:
        """BGR of our own: one pass over the mapped memory, which the next capture may fill again."""
        import cv2

        package = self._package
        if not taken.mapped:
            mapped = package.cudaAllocMapped(width=taken.width, height=taken.height, format=taken.format)
            package.cudaMemcpy(mapped, taken)
            taken = mapped
        package.cudaDeviceSynchronize()  # the GPU may still be writing
        rgb = package.cudaToNumpy(taken)  # a view
        return cv2.cvtColor(fitted(rgb, self.config.width, self.config.height), cv2.COLOR_RGB2BGR)

    def _missed(self, timeout_s: float, why: str) -> CameraError:
        if self._source.IsStreaming():
            return CameraTimeout(f"{self.uri} sent no picture within {timeout_s:.3f} s: {why}")
        if self.uri.startswith("file:"):
            return CameraEnded(f"{self.uri} is over.")
        return CameraError(f"jetson_utils lost {self.uri}: {why}")


# nvvidconv's numbers by the names that jetson-utils has for them, videoOptions.h
_FLIPS = ("none", "counterclockwise", "rotate-180", "clockwise", "horizontal", "upper-right-diagonal", "vertical",
          "upper-left-diagonal")


def _package() -> Any:
    for name in ("jetson_utils", "jetson.utils"):  # the second until 2023
        try:
            package = import_module(name)
        except ImportError:
            continue
        if not hasattr(package, "videoSource"):
            raise CameraError(
                f"This {name} is another package: PyPI has one of that name. Run: pip uninstall jetson-utils, then "
                f"build NVIDIA's ({_SOURCE}); or choose --camera csi or usb."
            )
        return package
    raise CameraError(f"jetson_utils is not installed; build it ({_SOURCE}), or choose --camera csi or usb.")
