"""Pages on a display that may be absent, come and go, or be somebody else's for a while."""
from __future__ import annotations

import logging
import math
from typing import Optional, Tuple

import numpy as np

from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import ConfigError
from jetracer.display.base import Display
from jetracer.display.pages import PAGES, Facts, Pages, draw
from jetracer.display.turn import Turn

PERIOD_S = 0.25  # between pictures
PAGE_S = 3.0
RETRY_S, RETRY_MOST_S = 5.0, 60.0  # an absent one is looked for less and less often: the kernel logs each attempt
KEEP_S = 10.0  # how long the last state of a drive stays to be read

_log = logging.getLogger(__name__)


class Screen:
    """Draws what is asked for, where and when it can; no error leaves it. A `drive` goes before others."""

    def __init__(self, display: Display, pages: Pages = PAGES, drive: bool = False,
                 clock: Optional[Clock] = None) -> None:
        self._display, self._pages = display, pages
        self._clock = clock or MonotonicClock()
        self._turn, self._keep_s = Turn(display.bus_name, drive), 0.0 if drive else KEEP_S
        self._opened = self._told = False
        self._others_s = self._tried_s = -math.inf
        self._retry_s = RETRY_S
        self._fault, self._since_s = "", self._clock.now_s()
        self._drawn: Optional[Tuple[Facts, int, np.ndarray]] = None

    def show(self, facts: Facts, turn: Optional[int] = None) -> None:
        """Show the page whose turn it is; the newest fault comes first."""
        now_s = self._clock.now_s()
        if facts.fault != self._fault:
            self._fault, self._since_s = facts.fault, now_s
        if turn is None:
            turn = int((now_s - self._since_s) / PAGE_S)
        with self._turn as mine:
            if not mine:
                self._others_s, self._tried_s = now_s, -math.inf
                self._forget()  # what is on the glass now
            elif now_s - self._others_s >= self._keep_s and self._ready(now_s):
                self._put(facts, turn)

    def close(self, dark: bool = False) -> None:
        """Leave what was drawn last on the glass, or nothing."""
        with self._turn as mine:
            if dark and mine and self._opened:
                self._try(lambda: self._display.show(np.zeros(self._display.size[::-1], bool)))
        self._forget()
        self._turn.close()

    def _ready(self, now_s: float) -> bool:
        """Whether the display is open; one that is absent is looked for now and then."""
        if not self._opened and now_s - self._tried_s >= self._retry_s:
            self._tried_s = now_s
            self._opened = self._try(self._display.open)
            self._retry_s = RETRY_S if self._opened else min(2 * self._retry_s, RETRY_MOST_S)
        return self._opened

    def _put(self, facts: Facts, turn: int) -> None:
        if self._drawn is None or self._drawn[:2] != (facts, turn):
            self._drawn = facts, turn, draw(facts, turn, self._display.size, self._pages)
        image = self._drawn[2]
        self._try(lambda: self._display.show(image))

    def _try(self, action) -> bool:
        try:
            action()
        except (OSError, ConfigError) as error:
            self._forget()
            if not self._told:
                self._told = True
                _log.info("no display: %s", error)
            return False
        return True

    def _forget(self) -> None:
        self._opened, self._drawn = False, None
        self._display.close()
