"""jetcam's cameras for notebooks: its names, traits and errors, on JetRacer's own backends.

    from jetracer.camera import CSICamera
    camera = CSICamera(width=224, height=224)
    camera.observe(update, names="value")
    camera.running = True

Interface: github.com/NVIDIA-AI-IOT/jetcam, `jetcam/camera.py`, `csi_camera.py`, `usb_camera.py`, `utils.py`.
"""
from __future__ import annotations

import math
import os
import threading
import typing
import weakref

import cv2
import numpy as np
from traitlets import All, Any, Bool, HasTraits, Integer, Unicode, Union

from jetracer.camera.base import Camera, CameraConfig
from jetracer.camera.capture import fitted
from jetracer.camera.load import make_camera
from jetracer.core.errors import CameraEnded, CameraError, CameraRefused
from jetracer.core.registry import unknown
from jetracer.core.types import Frame

START_S = 10.0  # granted to the first picture; one of Argus takes 2 to 4 s
SILENCE_S = 0.5  # without a picture; then it is told
_NOT_STARTED = "Could not initialize camera.  Please see error trace."
_NOT_READ = "Could not read image from camera."


class NotebookCamera(HasTraits):
    """`value` is the newest picture, (height, width, 3) uint8 BGR, `value_t_s` the monotonic time it was taken.

    Which camera: `capture_device`, a number, or a text such as "usb:1" or "replay:laps/monday". The variable
    JETRACER_CAMERA replaces numbers, so that an unmodified notebook runs on a recording (which begins again at its end)
    or on the simulator. Making a second camera of one device closes the first: a cell may be run again.

    Observers of `value` run on the camera's thread and get the newest picture; what they miss is dropped. When one
    fails, the error is shown by `threading.excepthook` (which stops an NvidiaRacecar first), `running` becomes False,
    and the next `read` raises the error. A camera that falls silent is told in the same way, once, and opened again.

    Raises CameraRefused, a RuntimeError as jetcam's.
    """

    value = Any()
    width = Integer(224)
    height = Integer(224)
    format = Unicode("bgr8")
    running = Bool(False)
    capture_device = Union([Integer(), Unicode()], default_value=0)
    capture_fps = Integer(30)
    capture_width = Integer(640)
    capture_height = Integer(480)
    flip = Integer(0)  # CSI: nvvidconv's flip-method, 2 for a camera that hangs upside down

    _backend = ""

    def __init__(self, running: bool = False, **traits: typing.Any) -> None:
        for name in traits:
            if name not in self.trait_names():
                raise unknown(f"option of {type(self).__name__}", name, self.trait_names())
        super().__init__(**traits)
        self.value_t_s = -math.inf
        self._camera: typing.Optional[Camera] = None
        self._error: typing.Optional[Exception] = None
        self._ended = threading.Event()
        self._thread: typing.Optional[threading.Thread] = None
        self._open()
        self.observe(self._switch, "running")
        self.running = running

    @property
    def cap(self) -> NotebookCamera:
        """What notebooks release: `camera.cap.release()`."""
        return self

    def read(self) -> np.ndarray:
        """Wait for the next picture, and return it; it is `value` too."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        if self.running:
            raise CameraRefused("Cannot read directly while camera is running")
        self._open()
        try:
            self._take(self._camera.read(START_S))
        except CameraError as error:
            raise CameraRefused(f"{_NOT_READ} {error}") from error
        return self.value

    def close(self) -> None:
        """Stop, and let go of the device. `read` or `running = True` open it again."""
        self.running = False
        if self._camera is not None:
            self._finalizer()
            self._camera = None

    release = stop = close

    def __enter__(self) -> NotebookCamera:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def unobserve_all(self, name: typing.Any = All) -> None:
        """Forget the observers; `running` still works afterwards."""
        super().unobserve_all(name)
        if name in (All, "running"):
            self.observe(self._switch, "running")

    # -- the device

    def _open(self) -> None:
        """Open the camera and take its first picture, unless it is open."""
        if self._camera is not None:
            return
        config = self._config()
        for other in list(_OPEN):
            if other._camera is not None and other._name == config.name:
                other.close()
        camera = make_camera(config)
        try:
            camera.open()
            frame = camera.read(START_S)
        except BaseException as error:
            camera.close()
            if isinstance(error, CameraError):
                raise CameraRefused(f"{_NOT_STARTED} {error} Without a camera: start the notebook with "
                                    "JETRACER_CAMERA=null, or replay:FOLDER.") from error
            raise
        self._camera, self._name = camera, config.name
        self._finalizer = weakref.finalize(self, camera.close)  # at the end of the process too
        _OPEN.add(self)
        self._take(frame)

    def _config(self) -> CameraConfig:
        device = self.capture_device
        if isinstance(device, int):
            device = os.environ.get("JETRACER_CAMERA") or f"{self._backend}:{device}"
        return CameraConfig(device, width=self.width, height=self.height, fps=self.capture_fps, loop=True,
                            capture_width=self.capture_width, capture_height=self.capture_height, flip=self.flip)

    def _take(self, frame: Frame) -> None:
        self.value_t_s = frame.t_s
        self.value = fitted(frame.image, self.width, self.height)

    # -- the thread

    def _switch(self, change: typing.Any) -> None:
        if change["new"]:
            self._start()
            return
        self._ended.set()
        if self._thread not in (None, threading.current_thread()):
            self._thread.join(START_S)  # an observer may hang

    def _start(self) -> None:
        try:
            self._open()
        except CameraError:
            self.running = False
            raise
        self._error, self._ended = None, threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._camera, self._ended), name="camera.value", daemon=True)
        self._thread.start()

    def _run(self, camera: Camera, ended: threading.Event) -> None:
        told = False
        try:
            while not ended.is_set():
                try:
                    frame, told = camera.read(SILENCE_S), False
                except CameraEnded:
                    raise
                except CameraError as error:  # it is being opened again
                    if not told:
                        _show(error)
                    told = True
                    continue
                self._take(frame)
        except Exception as error:  # an observer's, or the camera's last
            self._error = error
            _show(error)
            self.running = False


class CSICamera(NotebookCamera):
    """The ribbon-cable camera number `capture_device`."""

    _backend = "csi"


class USBCamera(NotebookCamera):
    """The USB camera /dev/video`capture_device`."""

    _backend = "usb"


def bgr8_to_jpeg(value: np.ndarray, quality: int = 75) -> bytes:
    """A BGR picture as the bytes of a JPEG file of `quality` 0 to 100."""
    return cv2.imencode(".jpg", value, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def _show(error: Exception) -> None:
    """As Python shows the error that ends a thread; whoever holds a car has a hook there that stops it first."""
    arguments = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(arguments))


_OPEN: weakref.WeakSet = weakref.WeakSet()
