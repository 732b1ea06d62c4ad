"""A recording played as a camera."""
from __future__ import annotations

import logging
from bisect import bisect_right
from typing import Any, Optional

from jetracer.camera.base import Camera, CameraConfig
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import CameraEnded, CameraError, CameraTimeout
from jetracer.core.types import Frame

_log = logging.getLogger(__name__)


class ReplayCamera(Camera):
    """Plays `config.path` (a folder of pictures or a video file), pictures in their recorded size.

    `config.realtime`: at the recording's own pace; a slow reader gets the newest picture and a gap in `seq`,
    just as on the car. Otherwise every picture in turn, as fast as asked, stamped with the time of the read.
    Damaged pictures are skipped and counted in `skipped`. At the end CameraEnded, or again from the
    beginning with `config.loop`.
    """

    def __init__(self, config: CameraConfig, clock: Optional[Clock] = None) -> None:
        self.config = config
        self.skipped = 0
        self._clock = clock or MonotonicClock()
        self._recording: Any = None

    def open(self) -> None:
        """Raises CameraError when there is no such recording."""
        if self._recording is not None:
            return
        from jetracer.camera.recordings import open_recording

        self._recording = open_recording(self.config.path, self.config.fps)
        times = self._recording.times
        self._lap_s = times[-1] + 1.0 / self.config.fps  # length of one round when looping
        self._start_s: Optional[float] = None
        self._next = self._bad_in_a_row = 0

    def close(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()

    def __len__(self) -> int:
        """Number of pictures in the (open) recording."""
        return len(self._recording.times)

    def read(self, timeout_s: float) -> Frame:
        if self._recording is None:
            raise CameraError("The recording is not open; use `with` or call open() first.")
        give_up_s = self._clock.now_s() + timeout_s
        if self._start_s is None:  # what is set up between open and the first read costs no pictures
            self._start_s = self._clock.now_s()
        while True:
            seq = self._due(give_up_s)
            image = self._recording.image(seq % len(self))
            self._next = seq + 1
            if image is not None:
                self._bad_in_a_row = 0
                t_s = self._time_s(seq) if self.config.realtime else self._clock.now_s()
                return Frame(image, t_s, seq)
            self._skip(seq)

    def _due(self, give_up_s: float) -> int:
        """Wait for the next picture's time; its number, or a later one when the reader is late."""
        if not self.config.realtime:
            return self._not_over(self._next)
        due_s = self._time_s(self._not_over(self._next))
        self._clock.sleep_until(min(due_s, give_up_s))
        if due_s > give_up_s:
            raise CameraTimeout(f"The recording's next picture comes only in {due_s - give_up_s:.3f} s.")
        return max(self._next, self._newest())

    def _newest(self) -> int:
        """Number of the newest picture whose time has come."""
        # 1e-9: a clock that stands exactly on a picture's time must find it due
        elapsed_s = self._clock.now_s() - self._start_s + 1e-9
        laps = int(elapsed_s // self._lap_s) if self.config.loop else 0
        within = bisect_right(self._recording.times, elapsed_s - laps * self._lap_s) - 1
        return laps * len(self) + within

    def _time_s(self, seq: int) -> float:
        laps, index = divmod(seq, len(self))
        return self._start_s + laps * self._lap_s + self._recording.times[index]

    def _not_over(self, seq: int) -> int:
        if seq >= len(self) and not self.config.loop:
            raise CameraEnded(f"The recording {self.config.path} is over after {len(self)} pictures.")
        return seq

    def _skip(self, seq: int) -> None:
        self.skipped += 1
        self._bad_in_a_row += 1
        _log.warning("%s is damaged; skipped", self._recording.name(seq % len(self)))
        if self._bad_in_a_row >= len(self):
            raise CameraError(f"Not one picture of {self.config.path} can be read; record or copy it again.")
