"""A camera read by a thread of its own, so that the reader always gets the newest picture.

Answers the three ways in which cameras drive cars into walls: pictures that queue up and grow old, a capture
thread that dies in silence, and a sensor that repeats its last picture for ever.
"""
from __future__ import annotations

import logging
import math
import threading
from dataclasses import replace
from typing import Optional, Union

import numpy as np

from jetracer.camera.base import Camera
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout
from jetracer.core.mailbox import Mailbox
from jetracer.core.types import Frame

STALL_S = 1.0  # a camera silent for so long is closed and opened again
_SLICE_S = 0.1  # longest single wait, so that close() is heard soon
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0  # pause before opening again; doubles with every failure
_JOIN_S = 3.0
_log = logging.getLogger(__name__)


class Background(Camera):
    """Reads `camera` in a thread and hands over the newest frame through a one-slot mailbox.

    A failing camera is closed and opened again, with growing pauses, until it works. Each failure is raised
    once in the reader; meanwhile reads raise CameraTimeout. The end of a recording and errors of the program
    itself end the thread and are raised by every later read. `recoveries` counts, `dropped` too.
    """

    def __init__(
        self, camera: Camera, stall_s: float = STALL_S, first_delay_s: float = FIRST_DELAY_S
    ) -> None:
        self.camera = camera
        self.recoveries = 0
        self._stall_s = stall_s
        self._first_delay_s = self._delay_s = first_delay_s
        self._mailbox: Mailbox[Union[Frame, CameraError]] = Mailbox()
        self._stamps = FrozenPixels()
        self._trouble: Optional[CameraError] = None
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._silent_s = 0.0
        self._last_seq = -1
        self._last_t_s = -math.inf
        self._seq_shift = 0

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced before they were read."""
        return self._mailbox.dropped

    def open(self) -> None:
        """Open the camera, in the caller so that a first failure is seen at once, and start the thread."""
        if self._thread is not None:
            return
        self.camera.open()
        self._mailbox, self._stop = Mailbox(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            self.camera.close()
            return
        self._stop.set()
        # the thread itself closes the camera: releasing one while another thread reads it can crash
        thread.join(_JOIN_S)
        if thread.is_alive():
            _log.warning("the camera does not answer; it is left to the end of the program")

    def read(self, timeout_s: float) -> Frame:
        try:
            news = self._mailbox.get(timeout_s)
        except CameraError:
            raise
        except TimeoutError:
            cause = f"; the camera is being opened again after: {self._trouble}" if self._trouble else "."
            raise CameraTimeout(f"No new frame within {timeout_s:.3f} s{cause}") from None
        if isinstance(news, Frame):
            return news
        raise news

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except Exception as error:  # whatever it is, the reader must hear of it
            self._mailbox.fail(error)
        finally:
            self.camera.close()

    def _turn(self) -> None:
        try:
            frame = self.camera.read(min(_SLICE_S, self._stall_s))
        except CameraEnded:
            raise
        except CameraTimeout as error:
            self._silent_s += _SLICE_S
            if self._silent_s >= self._stall_s:
                self._recover(CameraTimeout(f"The camera is silent: {error}"))
            return
        except OSError as error:
            self._recover(error)
            return
        if frame.t_s <= self._last_t_s:  # opened again, some sources show their last frame once more
            return
        self._last_t_s = frame.t_s
        self._delay_s, self._silent_s, self._trouble = self._first_delay_s, 0.0, None
        self._mailbox.put(self._stamps.stamp(self._numbered(frame)))

    def _recover(self, error: OSError) -> None:
        """Close and open until the camera opens or we are told to stop."""
        while not self._stop.is_set():
            self._tell(error)
            self.camera.close()
            if self._stop.wait(self._delay_s):
                return
            self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
            self._silent_s = 0.0
            self.recoveries += 1
            try:
                self.camera.open()
                return
            except OSError as again:
                error = again

    def _tell(self, error: OSError) -> None:
        if not isinstance(error, CameraError):
            error = CameraError(f"The camera failed: {error}")
        _log.warning("%s", error)
        self._trouble = error
        self._mailbox.put(error)

    def _numbered(self, frame: Frame) -> Frame:
        """Keep `seq` growing when a camera counts from 0 again after it was opened again."""
        if frame.seq + self._seq_shift <= self._last_seq:
            self._seq_shift = self._last_seq + 1 - frame.seq
        self._last_seq = frame.seq + self._seq_shift
        return replace(frame, seq=self._last_seq) if self._seq_shift else frame


class FrozenPixels:
    """Gives a picture that equals the one before it the time of the first of them.

    A real sensor is never still to the last bit: its noise differs in every picture. Equal pixels therefore
    mean that the sensor, its driver or its cable repeats an old picture; it then must look as old as it is,
    so that the safety gate stops the car.
    """

    def __init__(self) -> None:
        self._last: Optional[Frame] = None

    def stamp(self, frame: Frame) -> Frame:
        if self._last is not None and same_pixels(frame.image, self._last.image):
            frame = replace(frame, t_s=self._last.t_s)
        self._last = frame
        return frame


def same_pixels(a: np.ndarray, b: np.ndarray) -> bool:
    """True when two pictures are equal in every pixel; a coarse sample decides nearly always."""
    return a.shape == b.shape and np.array_equal(a[::16, ::16], b[::16, ::16]) and np.array_equal(a, b)
