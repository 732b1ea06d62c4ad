"""One slot between a worker thread and its reader: the newest value wins, the rest is counted as dropped."""
from __future__ import annotations

import threading
from typing import Generic, Optional, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """`put` never blocks; `get` returns each value at most once; the worker's error is raised in the reader.

    jetcam's capture thread died in silence and the car went on with its last picture; here `fail` wakes the
    reader with the error itself.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._value: Optional[T] = None
        self._full = False
        self._error: Optional[BaseException] = None
        self._changed = threading.Condition()

    def put(self, value: T) -> None:
        with self._changed:
            self.dropped += self._full
            self._value, self._full, self._error = value, True, None
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Hand an error to the reader; the next `put` clears it."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def get(self, timeout_s: float) -> T:
        """The newest value not yet read. Raises TimeoutError, or the worker's error when no value is waiting."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._full or self._error is not None, timeout_s):
                raise TimeoutError(f"nothing new within {timeout_s:.3f} s")
            if not self._full:
                raise self._error.with_traceback(None)  # or it would grow with every read
            value, self._value, self._full = self._value, None, False
            return value
