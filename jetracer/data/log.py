"""From steps to the messages of a session file: which pictures are kept, and what undo throws away."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence

from jetracer.core.types import Step
from jetracer.data.messages import PICTURE, STEP, UNDO, Undo, encode_picture, encode_step, encode_undo
from jetracer.data.writer import FACTS, RESULT, Attachment, SessionWriter

PAUSE_NS = 1_000_000_000  # a longer one in the recording counts as this much for undo
ALL, BUTTON, NONE = PICTURES = ("all", "button", "none")


@dataclass(frozen=True)
class RecordConfig:
    """What is kept of a drive: every step, and pictures."""

    pictures: str = ALL  # all; button: while the pilot's record button is on; none
    undo_s: float = 5.0  # what one press of undo throws away
    jpeg_quality: int = 90
    keep_free_mb: float = 200.0  # of the disk; recording ends before that is touched

    def __post_init__(self) -> None:
        if self.pictures not in PICTURES:
            raise ValueError(f"record.pictures = {self.pictures!r} is none of {', '.join(PICTURES)}.")


class StepLog:
    """A session file in the making. `zero_ns` is the time, in Unix nanoseconds, of the monotonic clock's zero.

    All verbs raise OSError where the disk refuses.
    """

    def __init__(self, path: Path, config: RecordConfig, zero_ns: int, facts: Mapping[str, str],
                 attachments: Sequence[Attachment]) -> None:
        self.undone = 0  # pictures
        self._config, self._zero_ns = config, zero_ns
        self._kept_ns: List[int] = []  # of the pictures that stand
        self._seq: Optional[int] = None
        self._steps = 0
        self._writer = SessionWriter(path, {FACTS: {**facts, "zero_ns": str(zero_ns)}}, attachments)

    @property
    def pictures(self) -> int:
        """Kept, without those undone."""
        return len(self._kept_ns)

    def write(self, step: Step, truth: Any = None) -> None:
        """Put a step into the chunk that is being filled, with its picture when that is new and wanted."""
        time_ns = self._zero_ns + round(step.t_s * 1e9)
        wanted = self._config.pictures
        if step.frame.seq != self._seq and (wanted == ALL or (wanted == BUTTON and step.pilot.record)):
            self._writer.add(PICTURE, time_ns, encode_picture(self._jpeg(step), time_ns), self._steps)
            self._kept_ns.append(time_ns)
        self._seq = step.frame.seq
        self._writer.add(STEP, time_ns, encode_step(step, truth), self._steps)
        self._steps += 1
        if step.pilot.undo:
            self._undo(time_ns)

    def flush(self) -> None:
        """End the chunk; it is on the disk when this returns."""
        self._writer.flush()

    @property
    def has_room(self) -> bool:
        """Whether the disk has more left than is to stay free."""
        disk = os.statvfs(str(self._writer.path))
        return disk.f_bavail * disk.f_frsize > self._config.keep_free_mb * 1e6

    def finish(self, result: Mapping[str, str]) -> None:
        """Write what is left, the `result` and the index."""
        self._writer.note(RESULT, result)
        self._writer.finish()

    def close(self) -> None:
        """Close the file, finished or not; it can be read either way."""
        self._writer.close()

    def _undo(self, now_ns: int) -> None:
        """Throw away the last seconds of the pictures that stand; so another press goes further back."""
        kept_ns = self._kept_ns
        if not kept_ns:
            return
        newest_ns = oldest_ns = kept_ns[-1]
        gone_ns = 0
        while kept_ns and gone_ns < round(self._config.undo_s * 1e9):
            oldest_ns = kept_ns.pop()
            self.undone += 1
            gone_ns += min(oldest_ns - kept_ns[-1], PAUSE_NS) if kept_ns else 0
        self._writer.add(UNDO, now_ns, encode_undo(Undo(oldest_ns, newest_ns)), self._steps)

    def _jpeg(self, step: Step) -> bytes:
        import cv2

        quality = (cv2.IMWRITE_JPEG_QUALITY, self._config.jpeg_quality)
        return cv2.imencode(".jpg", step.frame.image, quality)[1].tobytes()
