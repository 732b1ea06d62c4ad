"""A camera without hardware: prepared pictures at exact times, for tests and benchmarks."""
from __future__ import annotations

import math
from typing import Optional, Sequence

import numpy as np

from jetracer.camera.base import Camera, CameraConfig
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraTimeout
from jetracer.core.types import Frame

_PICTURES = 8  # enough that no two neighbours are equal, few enough to stay in the CPU's cache


class NullCamera(Camera):
    """Frame n is exposed at exactly `start + n / fps`; a late reader gets the newest and a gap in `seq`.

    With `config.realtime` off, every read returns the next frame at once, stamped with the time of the read.
    `images` replaces the built-in pictures: any sequence of (H, W, 3) uint8 BGR arrays, repeated for ever.
    """

    def __init__(
        self,
        config: Optional[CameraConfig] = None,
        clock: Optional[Clock] = None,
        images: Optional[Sequence[np.ndarray]] = None,
    ) -> None:
        self.config = config or CameraConfig(name="null")
        self._clock = clock or MonotonicClock()
        self._images = images
        self._start_s: Optional[float] = None
        self._next = 0

    def open(self) -> None:
        if self._start_s is not None:
            return
        if self._images is None:
            self._images = test_pictures(self.config.width, self.config.height)
        self._start_s, self._next = self._clock.now_s(), 0

    def close(self) -> None:
        self._start_s = None

    def read(self, timeout_s: float) -> Frame:
        self.open()
        period_s = 1.0 / self.config.fps
        if self.config.realtime:
            # 1e-9: a clock that stands exactly on the deadline must find the frame due
            due = math.floor((self._clock.now_s() - self._start_s) / period_s + 1e-9)
            self._next = max(self._next, due)
            self._wait(self._start_s + self._next * period_s, timeout_s)
        seq, self._next = self._next, self._next + 1
        t_s = self._start_s + seq * period_s if self.config.realtime else self._clock.now_s()
        return Frame(self._images[seq % len(self._images)], t_s, seq)

    def _wait(self, due_s: float, timeout_s: float) -> None:
        give_up_s = self._clock.now_s() + timeout_s
        self._clock.sleep_until(min(due_s, give_up_s))
        if due_s > give_up_s:
            raise CameraTimeout(f"No frame within {timeout_s:.3f} s at {self.config.fps:g} fps.")


def test_pictures(width: int, height: int, count: int = _PICTURES) -> list:
    """`count` different (height, width, 3) uint8 pictures: smooth shading with a bright bar that moves."""
    y, x = np.mgrid[0:height, 0:width]
    shade = np.stack([x * 127 // width, y * 127 // height, (x + y) * 127 // (width + height)], axis=-1)
    pictures = []
    for index in range(count):
        picture = shade.astype(np.uint8)
        left = index * width // count
        picture[:, left : left + max(1, width // count)] += 100
        pictures.append(picture)
    return pictures
