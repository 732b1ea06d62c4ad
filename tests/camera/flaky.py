"""A camera that fails on demand."""
from __future__ import annotations

import threading
from typing import Callable, Optional

import numpy as np

from jetracer.camera.base import Camera
from jetracer.core.errors import CameraTimeout
from jetracer.core.types import Frame


class FlakyCamera(Camera):
    """Produces a frame whenever the test calls `release()`; `behave(n)` is asked at the n-th read.

    `open_errors` are raised by that many calls of `open`, one after the other.
    """

    def __init__(self, behave: Optional[Callable[[int], Optional[Frame]]] = None) -> None:
        self.behave = behave or (lambda n: None)
        self.open_errors: list = []
        self.opened = self.closed = self.reads = 0
        self._seq = 0
        self._released = threading.Semaphore(0)

    def open(self) -> None:
        self.opened += 1
        self._seq = 0
        if self.open_errors:
            raise self.open_errors.pop(0)

    def close(self) -> None:
        self.closed += 1

    def release(self, count: int = 1) -> None:
        for _ in range(count):
            self._released.release()

    def read(self, timeout_s: float) -> Frame:
        if not self._released.acquire(timeout=timeout_s):
            raise CameraTimeout(f"silent for {timeout_s} s")
        self.reads += 1
        frame = self.behave(self.reads) or Frame(picture(self.reads), float(self.reads), self._seq)
        self._seq += 1
        return frame


def picture(value: int) -> np.ndarray:
    return np.full((32, 32, 3), value % 256, np.uint8)
