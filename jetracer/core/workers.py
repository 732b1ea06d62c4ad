"""Worker processes that leave Ctrl-C to whoever started them."""
from __future__ import annotations

import multiprocessing
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, Callable, Iterator, Optional, Tuple


class _Deaf(ProcessPoolExecutor):
    """Starts a process with a call that finds none idle."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        with deaf_children():
            return super().submit(*args, **kwargs)


@contextmanager
def workers(count: int, start: Optional[Callable[..., None]] = None, given: Tuple[Any, ...] = ()
            ) -> Iterator[ProcessPoolExecutor]:
    """So many processes, each begun by `start(*given)`; an error or Ctrl-C within ends them at once.

    Spawned: a fork would copy the locks of the caller's threads (torch, OpenCV), but not the threads.
    """
    others = multiprocessing.active_children()
    with _Deaf(count, multiprocessing.get_context("spawn"), start, given) as pool:
        try:
            yield pool
        except BaseException:  # else what is at hand would be done to its end
            for worker in set(multiprocessing.active_children()).difference(others):
                worker.terminate()
            raise


@contextmanager
def deaf_children() -> Iterator[None]:
    """What is spawned in here never hears Ctrl-C, not even while it still loads Python; end it with `terminate`.

    A terminal sends Ctrl-C to all processes, and one that is just starting has no handler yet: it would say so with a
    traceback. A blocked signal stays blocked in the child. One that comes meanwhile is heard here afterwards.
    """
    resource_tracker.ensure_running()  # multiprocessing starts it with the first child, and unblocks the signal then
    with _afterwards():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _afterwards() -> Iterator[None]:
    """Ctrl-C waits: another thread of this process may take the signal, and Python raises it in the main one then."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    pressed = []
    signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if pressed:
        handler(signal.SIGINT, None)
