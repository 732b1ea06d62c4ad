"""A gamepad on the car. What each part does is in `teleop/pads.py`.

A pad that is gone asks for nothing at once: neutral, deadman let go, and `t_s` stands still. It may come back at any
time; then the deadman counts only after it was let go once.
"""
from __future__ import annotations

import logging
import math
from typing import List, Optional, Tuple

from jetracer.core.clock import Clock
from jetracer.core.errors import DeviceError
from jetracer.core.types import AUTOMATIC, NEUTRAL, Pilot
from jetracer.teleop.base import Teleop
from jetracer.teleop.dials import Dials, shaped
from jetracer.teleop.evdev import EV_ABS, EV_KEY, Ask, Event, ask_kernel
from jetracer.teleop.finder import FOLDER, Finder, Pad, PadSearch
from jetracer.teleop.pads import DPAD_DOWN, DPAD_LEFT, DPAD_RIGHT, DPAD_UP, HAT_X, HAT_Y, Layout

# A stick held away from the middle trembles; a radio pad out of reach is silent while its receiver stays plugged in.
SILENCE_S = 3.0

_DPAD = {DPAD_UP: (0, 1), DPAD_DOWN: (0, -1), DPAD_LEFT: (-1, 0), DPAD_RIGHT: (1, 0)}
_log = logging.getLogger(__name__)


class GamepadTeleop(Teleop):
    """The first pad found, or the one at `argument` ("gamepad:/dev/input/event5")."""

    hint = "gamepad: hold the left shoulder to drive; Start arms, B or circle stops, Y or triangle changes the mode"
    record_button = "X or square"

    def __init__(self, clock: Optional[Clock] = None, argument: str = "", folder: str = FOLDER,
                 ask: Ask = ask_kernel) -> None:
        super().__init__(clock, argument)
        self._search = PadSearch(folder, argument, ask)
        self._finder: Optional[Finder] = None
        self._pad: Optional[Pad] = None
        self._heard_s = self._event_s = -math.inf
        self._dials = Dials()
        self._let_go = False

    def open(self) -> None:
        """Take a pad that is there, or wait for one. Raises DeviceError where no device may be read."""
        if self._finder is not None:
            return
        pad = self._search()
        if pad is None and self._search.refused:
            raise DeviceError(
                f"No permission on {self._search.refused[0]}; run: sudo usermod -aG input $USER, then log in again."
            )
        if self._argument in self._search.others:
            raise DeviceError(f"{self._argument} is no gamepad; find it with: grep -A4 -i name /proc/bus/input/devices")
        self._finder = Finder(self._search)
        if pad is None:
            _log.warning("no gamepad yet; switch one on, or plug one in")
            self._finder.look()
        else:
            self._greet(pad)

    def close(self) -> None:
        if self._finder is not None:
            self._finder.close()
            self._finder = None
        if self._pad is not None:
            self._pad.device.close()
            self._pad = None

    @property
    def profile(self) -> str:
        """The name of the row of the table that the pad found; empty while there is none."""
        return self._pad.profile.name if self._pad is not None else ""

    def poll(self) -> Pilot:
        now_s = self._clock.now_s()
        if self._pad is None:
            found = self._finder.take() if self._finder is not None else None
            if found is None:
                return self._nobody()
            self._greet(found)
        try:
            events = self._pad.device.update()
        except OSError as error:
            _log.warning("the gamepad is gone (%s): neutral", error.strerror)
            pad, self._pad = self._pad, None
            self._finder.look(pad)
            return self._nobody()
        self._heard_s = now_s
        if events:
            self._event_s = now_s
        return self._pilot(self._pad, events, now_s)

    def _pilot(self, pad: Pad, events: List[Event], now_s: float) -> Pilot:
        layout, dials, axes = pad.profile.layout, self._dials, pad.device.axes
        pressed = {event.code for event in events if event.kind == EV_KEY and event.value == 1}
        down = pressed | pad.device.held  # a press shorter than a turn of the loop counts too
        self._let_go = self._let_go or layout.deadman not in down
        self._turn(events, layout)
        command = dials.command(shaped(axes[layout.steering]), shaped(-axes[layout.throttle]))
        deadman = self._let_go and layout.deadman in pad.device.held
        if dials.mode != AUTOMATIC and command.throttle and now_s - self._event_s > SILENCE_S:
            command, deadman = NEUTRAL, False
        return dials.pilot(now_s, command=command, deadman=deadman, estop=layout.estop in down,
                           arm=layout.arm in down, undo=layout.undo in pressed)

    def _turn(self, events: List[Event], layout: Layout) -> None:
        """The buttons and the cross that set the dials; every press counts, also two between polls."""
        for event in events:
            if event.kind == EV_KEY and event.value == 1 and event.code == layout.mode:
                self._dials.next_mode()
            elif event.kind == EV_KEY and event.value == 1 and event.code == layout.record:
                self._dials.record = not self._dials.record
            else:
                right, up = _cross(event)
                self._dials.turn_trim(right)
                self._dials.turn_limit(up)

    def _greet(self, pad: Pad) -> None:
        self._pad, self._event_s = pad, self._clock.now_s()
        self._let_go = pad.profile.layout.deadman not in pad.device.held
        _log.info("gamepad: %s, as %s", pad.device.name, pad.profile.name)

    def _nobody(self) -> Pilot:
        return self._dials.pilot(self._heard_s)


def _cross(event: Event) -> Tuple[int, int]:
    """A press of the cross as steps (right, up), whichever way the pad tells it; (0, 0) for anything else."""
    if event.kind == EV_KEY and event.value == 1:
        return _DPAD.get(event.code, (0, 0))
    if event.kind == EV_ABS and event.code in (HAT_X, HAT_Y) and event.value:
        step = 1 if event.value > 0 else -1
        return (step, 0) if event.code == HAT_X else (0, -step)
    return 0, 0
