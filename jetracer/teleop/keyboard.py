"""The keys of a terminal as a pilot. A driving key that is held is the deadman; see `Held` for how that is known."""
from __future__ import annotations

import math
from typing import Dict, List, Optional

from jetracer.core.clock import Clock
from jetracer.core.errors import DeviceError
from jetracer.core.types import Pilot
from jetracer.teleop.base import Teleop
from jetracer.teleop.dials import Dials
from jetracer.teleop.terminal import HOLD_S, Held, Terminal

ESTOP_S = 0.5
STEERING_STEP, THROTTLE_STEP = 0.25, 0.1  # of one press or repetition

_SIGN = {"w": 1, "s": -1, "d": 1, "a": -1}
_HELD, _SWITCHES = frozenset("wasdh"), frozenset("mru")


class KeyboardTeleop(Teleop):
    """The terminal that the program runs in, or the one at `argument`."""

    hint = "keyboard: Return arms, arrows or W A S D drive, space stops, M changes the mode, Ctrl-C ends"
    record_button = "R"

    def __init__(self, clock: Optional[Clock] = None, argument: str = "") -> None:
        super().__init__(clock, argument)
        self._terminal = Terminal(argument, ", or use --teleop gamepad")
        self._dials = Dials()
        self._heard_s = -math.inf
        self._switched_s: Dict[str, float] = {}
        self._held = Held()
        self._calm()

    def open(self) -> None:
        """Raises DeviceError where there is no terminal."""
        if not self._terminal.is_open:
            self._terminal.open()
            self._calm()

    def close(self) -> None:
        self._terminal.close()

    def poll(self) -> Pilot:
        now_s = self._clock.now_s()
        keys = self._keys()
        if not self._terminal.is_open:
            return self._dials.pilot(self._heard_s)
        self._heard_s = now_s
        self._undo = False
        for key in keys:
            self._press(key, now_s)
        deadman = self._held.at(now_s)
        if not deadman:
            self._steering = self._throttle = 0.0
        elif now_s > self._steered_until_s:
            self._steering = 0.0
        command = self._dials.command(self._steering, self._throttle)
        return self._dials.pilot(now_s, command=command, deadman=deadman, estop=now_s <= self._estop_until_s,
                                 arm="\n" in keys, undo=self._undo)

    def _keys(self) -> List[str]:
        try:
            return self._terminal.keys()
        except DeviceError:
            return []

    def _calm(self) -> None:
        self._steering = self._throttle = 0.0
        self._held.release()
        self._steered_until_s = self._estop_until_s = -math.inf

    def _press(self, key: str, now_s: float) -> None:
        dials = self._dials
        if key in _SWITCHES:
            self._switch(key, now_s)
        elif key in _HELD:
            self._hold(key, now_s)
        elif key in (" ", "stop"):
            self._calm()
            self._estop_until_s = now_s + ESTOP_S
        elif key in ("+", "-"):
            dials.turn_limit(1 if key == "+" else -1)
        elif key in ("[", "]"):
            dials.turn_trim(1 if key == "]" else -1)

    def _switch(self, key: str, now_s: float) -> None:
        """A key that counts once, however long it is held."""
        last_s, self._switched_s[key] = self._switched_s.get(key, -math.inf), now_s
        if now_s - last_s <= HOLD_S:
            return
        if key == "m":
            self._dials.next_mode()
        elif key == "r":
            self._dials.record = not self._dials.record
        else:
            self._undo = True

    def _hold(self, key: str, now_s: float) -> None:
        self._held.press(key, now_s)
        if key in "ad":
            self._steering = _moved(self._steering, _SIGN[key] * STEERING_STEP)
            self._steered_until_s = self._held.until_s
        elif key in "ws":
            self._throttle = _moved(self._throttle, _SIGN[key] * THROTTLE_STEP)


def _moved(value: float, step: float) -> float:
    """One step on; from the other side, back to the middle first."""
    if value * step < 0.0:
        return 0.0
    return min(1.0, max(-1.0, value + step))
