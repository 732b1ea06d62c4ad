"""A GStreamer pipeline in a child process, for an OpenCV built without GStreamer (all of pip's are).

The child can also be killed when NVIDIA's Argus hangs, which a pipeline inside our own process cannot.
"""
from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
from typing import IO, List, Optional

import numpy as np

from jetracer.camera.base import Camera, CameraConfig
from jetracer.camera.gstreamer import child_command
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraError, CameraTimeout
from jetracer.core.types import Frame

START_S = 8.0  # the first picture of an Argus camera takes 2 to 4 s
_STOP_S = 1.0  # time to leave in peace: a killed client of Argus can block the camera for the next
_BYTES_PER_PIXEL = 4  # BGRx
GST_HINT = "sudo apt-get install gstreamer1.0-tools gstreamer1.0-plugins-base"


class GstChild(Camera):
    """Pictures of the pipeline `source` (which ends in BGRx of the configured size).

    Read it continuously (Background does), for the time stamp is the arrival of a picture's first byte here.
    """

    def __init__(self, source: str, config: CameraConfig, clock: Optional[Clock] = None) -> None:
        self.config = config
        self.process: Optional[subprocess.Popen] = None
        self._source = source
        self._clock = clock or MonotonicClock()
        self._pipe = -1
        self._log: Optional[IO[bytes]] = None
        self._seq = 0
        self._first: Optional[Frame] = None

    def open(self) -> None:
        """Start the child and wait for its first picture. Raises CameraError with what the child said."""
        if self.process is not None:
            return
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (close() closes it)
        self._pipe, write_end = os.pipe()
        try:
            # Pictures get a pipe of their own: Argus prints its chatter to standard output.
            self.process = subprocess.Popen(
                self._command(write_end),
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                pass_fds=(write_end,), start_new_session=True,  # a Ctrl-C is ours to handle, not the child's
            )
        except FileNotFoundError as error:
            self.close()
            raise CameraError(f"gst-launch-1.0 is not installed; run: {GST_HINT}") from error
        finally:
            os.close(write_end)
        self._start_picture()
        try:
            self._first = self.read(START_S)
        except CameraError:
            self.close()
            raise

    def _command(self, fd: int) -> List[str]:
        return child_command(self._source, fd)

    def close(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            _end(process)
        if self._pipe >= 0:
            os.close(self._pipe)
            self._log.close()
            self._pipe = -1
        self._first = None

    def read(self, timeout_s: float) -> Frame:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._pipe < 0:
            raise CameraError("The camera is not open; use `with` or call open() first.")
        give_up_s = self._clock.now_s() + timeout_s
        while self._missing:
            self._wait(give_up_s, timeout_s)
            self._receive()
        return self._finish_picture()

    def _wait(self, give_up_s: float, timeout_s: float) -> None:
        left_s = max(0.0, give_up_s - self._clock.now_s())
        if not select.select([self._pipe], [], [], left_s)[0]:
            raise CameraTimeout(
                f"The camera's GStreamer process sent no picture for {timeout_s:.1f} s. {self._said()}"
            )

    def _receive(self) -> None:
        """Take what the pipe holds; a picture that came in part is completed by the next call."""
        count = os.readv(self._pipe, [self._missing])
        if count == 0:
            raise CameraError(f"The camera's GStreamer process ended. {self._said()}")
        if self._arrived_s is None:
            self._arrived_s = self._clock.now_s()
        self._missing = self._missing[count:]

    def _start_picture(self) -> None:
        size = (self.config.height, self.config.width, _BYTES_PER_PIXEL)
        self._picture = np.empty(size, np.uint8)
        self._missing = memoryview(self._picture).cast("B")
        self._arrived_s: Optional[float] = None

    def _finish_picture(self) -> Frame:
        image = np.ascontiguousarray(self._picture[:, :, :3])
        frame = Frame(image, self._arrived_s - self.config.latency_s, self._seq)
        self._seq += 1
        self._start_picture()
        return frame

    def _said(self) -> str:
        """The child's last words: its first line that reads ERROR, else its last line."""
        self._log.seek(0)
        text = self._log.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower() or "fail" in line.lower()]
        chosen = (errors or lines[-1:])[:1]
        return f"It said: {chosen[0][:300]}" if chosen else "It said nothing."


def _end(process: subprocess.Popen) -> None:
    """Ask first, then kill: the child and all that it may have started."""
    for blow in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, blow)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
