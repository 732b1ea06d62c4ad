"""How far a long job is, told while it runs."""
from __future__ import annotations

import time
from typing import Callable

from jetracer.train.fit import JUDGED_BY, Progress

COLUMNS = 79  # of the narrowest usual terminal: a longer line could not be written over
Say = Callable[[str], None]


class Bar:
    """A progress bar on one line, redrawn twice a second at most; where nobody looks (`live` is False), ten lines."""

    def __init__(self, say: Say, name: str, live: bool = True, width: int = 30) -> None:
        self.say, self.name, self.live, self.width = say, name, live, width
        self.started_s = time.monotonic()
        self.shown_s = 0.0
        self.first = 0  # step at which this run began: a resumed one has earlier steps behind it
        self.last = 0
        self.error = ""

    def __call__(self, now: Progress) -> None:
        if not self.first:
            self.first = self.last = now.step
        if now.scores is not None:
            self.error = f", {now.scores[JUDGED_BY]:.1f} px"
        at_s, done = time.monotonic(), now.step == now.steps
        tenths = now.step * 10 // now.steps > self.last * 10 // now.steps
        due = at_s - self.shown_s >= 0.5 if self.live else tenths
        if not (due or done):
            return
        self.shown_s, self.last = at_s, now.step
        line = self._line(now, at_s - self.started_s)
        self.say(f"\r{line} " if self.live else f"{line}\n")
        if done and self.live:
            self.say("\n")

    def _line(self, now: Progress, took_s: float) -> str:
        left_s = took_s * (now.steps - now.step) / (now.step - self.first + 1)
        loss = f" loss {now.loss:.4f}" if now.loss == now.loss else ""
        told = f"{now.step}/{now.steps}{loss}{self.error} {took_s:4.0f} s, {left_s:4.0f} s left"
        width = min(self.width, max(5, COLUMNS - len(f"{self.name:<10} [] {told} ")))
        full = width * now.step // now.steps
        return f"{self.name:<10} [{'#' * full}{'.' * (width - full)}] {told}"
