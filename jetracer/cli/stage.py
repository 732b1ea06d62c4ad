"""What a command of some seconds is doing, while it does it."""
from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def stage(doing: str) -> Iterator[None]:
    """One line on a terminal, gone when it is done; nothing where nobody looks."""
    shows = sys.stderr.isatty()
    if shows:
        print(f"{doing} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shows:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
