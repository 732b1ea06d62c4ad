"""Records a drive into one session file, from a thread of its own: the drive loop never waits for the disk.

What does not fit into memory any more is dropped and counted. A full disk ends the recording, never the drive.
"""
from __future__ import annotations

import errno
import logging
import queue
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

from jetracer import __version__
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import DataError
from jetracer.core.realtime import raise_this_thread
from jetracer.core.types import Step
from jetracer.data.log import ALL, BUTTON, RecordConfig, StepLog
from jetracer.data.writer import Attachment

CHUNK_S = 0.4  # what a power cut may cost, beside the disk's own time
MOST_WAITING = 64 << 20  # bytes of pictures: 7 s of 60 Hz at 224 x 224, for a memory card that pauses

_log = logging.getLogger(__name__)


class Recording(NamedTuple):
    """How a recording goes. `on`: pictures are being kept; `error`: why it ended before the drive, in a few words."""

    name: str
    wanted: str  # which pictures: all, button, none
    on: bool
    pictures: int  # kept, without those undone
    dropped: int  # steps for which there was no room
    undone: int  # pictures thrown away
    error: str


class Recorder:
    """A sink of the drive loop. `truth`, asked at every step, is the simulated world's, or None.

    `facts` and `attachments` say what is driven; the date and the version are added. `realtime`: the loop is in that
    mode. Raises DataError where nothing can be recorded at all.
    """

    def __init__(self, path: Path, config: Optional[RecordConfig] = None, facts: Optional[Mapping[str, str]] = None,
                 attachments: Sequence[Attachment] = (), truth: Optional[Callable[[], Any]] = None,
                 clock: Optional[Clock] = None, most_waiting: int = MOST_WAITING, realtime: bool = False) -> None:
        self.path = Path(path)
        self._config, self._truth, self._most_waiting = config or RecordConfig(), truth, most_waiting
        self._clock = clock or MonotonicClock()
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._put = self._taken = 0  # bytes; each is counted by one thread alone, which needs no lock
        self._dropped = 0
        self._button = False
        self._error = ""
        # the calendar is looked at once: it may jump when the car finds a network
        unix_ns = time.time_ns()
        zero_ns = unix_ns - round(self._clock.now_s() * 1e9)
        started = datetime.fromtimestamp(unix_ns / 1e9, timezone.utc).isoformat(timespec="seconds")
        known = {"version": __version__, "started": started, **(facts or {})}
        try:
            self._log = StepLog(self.path, self._config, zero_ns, known, attachments)
        except OSError as error:
            raise DataError(f"Cannot record to {self.path} ({error.strerror}); try: --runs OTHER_FOLDER") from error
        self._realtime = realtime
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def __call__(self, step: Step) -> None:
        """Take note of a step; returns at once, whatever the disk does."""
        self._button = step.pilot.record
        if self._error:
            return
        # a press of undo is never dropped: it comes once
        if self._put - self._taken > self._most_waiting and not step.pilot.undo:
            self._dropped += 1
            return
        self._put += step.frame.image.nbytes
        self._queue.put((step, self._truth() if self._truth else None))

    @property
    def state(self) -> Recording:
        wanted = self._config.pictures
        on = not self._error and (wanted == ALL or (wanted == BUTTON and self._button))
        return Recording(self.path.parent.name, wanted, on, self._log.pictures, self._dropped, self._log.undone,
                         self._error)

    def close(self) -> Recording:
        """Write what is waiting and finish the file. May be called again."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        return self.state

    def _work(self) -> None:
        if self._realtime:
            raise_this_thread()
        try:
            self._record()
            self._log.finish(self._result())
        except Exception as error:  # a fault in this thread may cost the recording, and never more
            self._fail(error)
        finally:
            self._log.close()

    def _record(self) -> None:
        """Until the drive ends, or the disk has no more to give.

        What waited while the disk took its time goes into one chunk: a wait for each step would never catch up.
        """
        began_s = ended_s = self._clock.now_s()
        for entry in iter(self._next, None):
            if entry:
                self._log.write(*entry)
                self._taken += entry[0].frame.image.nbytes
            now_s = self._clock.now_s()
            if now_s - ended_s >= CHUNK_S or (now_s - began_s >= CHUNK_S and self._queue.empty()):
                if not self._log.has_room:
                    self._fail(OSError(errno.ENOSPC, f"less than {self._config.keep_free_mb:g} MB would be left"))
                    return
                began_s = now_s
                self._log.flush()
                ended_s = self._clock.now_s()

    def _next(self) -> Any:
        """A step and its truth; None at the end, () when nothing came for a while."""
        try:
            return self._queue.get(timeout=CHUNK_S)
        except queue.Empty:
            return ()

    def _fail(self, error: Exception) -> None:
        if self._error:
            return
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        self._error = "disk full" if full else getattr(error, "strerror", None) or str(error)
        _log.warning("recording to %s has ended, the drive goes on: %s", self.path, error)

    def _result(self) -> Mapping[str, str]:
        state = self.state
        return {"pictures": str(state.pictures), "dropped": str(state.dropped), "undone": str(state.undone),
                "error": state.error}
