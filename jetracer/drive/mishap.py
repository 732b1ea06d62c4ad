"""Errors after which a process lives on: a notebook's cell, a thread, a line typed to `python -i`.

A car would go on with its last command; whoever holds one asks here to be told.
"""
from __future__ import annotations

import sys
import threading
from typing import Any, Callable, List, Tuple

_WATCHED: List[Tuple[Any, Callable[[], None]]] = []  # hooks stay as long as the process: set once


def watch(stop: Callable[[], None]) -> None:
    """Call `stop` after each cell that failed or was interrupted, and before each uncaught error is shown.

    May be called again: it adds the hooks that were not yet possible.
    """
    for owner in (sys, threading):
        if _first(owner, stop):
            _stop_before(owner, stop)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and _first(shell, stop):
        shell.events.register("post_run_cell", lambda result: _after_cell(result, stop))


def _first(owner: Any, stop: Callable[[], None]) -> bool:
    if (owner, stop) in _WATCHED:
        return False
    _WATCHED.append((owner, stop))
    return True


def _after_cell(result: Any, stop: Callable[[], None]) -> None:
    """IPython calls it after every cell; an interrupt counts as an error there."""
    if result.error_before_exec is not None or result.error_in_exec is not None:
        stop()


def _stop_before(owner: Any, stop: Callable[[], None]) -> None:
    """Put `stop` before the hook for uncaught errors that is there."""
    before = owner.excepthook

    def stop_first(*arguments: Any) -> None:
        stop()
        before(*arguments)

    owner.excepthook = stop_first
