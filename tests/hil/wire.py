"""The chips at the adapter's end, with a record of all that went over the wire and when."""
from __future__ import annotations

import math
import threading
import time
from itertools import takewhile
from typing import Callable, List, NamedTuple, Optional, Tuple

from jetracer.sim import pca9685
from jetracer.sim.board import Board
from jetracer.sim.bus import no_acknowledge

NEUTRAL_US = 307 * 4.88  # the step of the PCA9685 that is nearest to 1500 us
HOLD_S = 0.1  # neutral counts when it lasts
CLOCK_HZ = 400e3


class Entry(NamedTuple):
    """One transfer. `pulses` are those of steering and throttle after it, in us."""

    t_s: float
    address: int
    data: Optional[bytes]  # written; None: a read
    count: int  # bytes read
    taken: bool  # acknowledged
    pulses: Tuple[float, float]

    @property
    def outputs(self) -> bool:
        """Whether it is for the outputs of a PCA9685 and not for its modes, nor for another chip."""
        return writes_outputs(self.address, self.data)

    @property
    def neutral(self) -> bool:
        return all(math.isclose(pulse, NEUTRAL_US) for pulse in self.pulses)

    @property
    def wire_s(self) -> float:
        """What it takes on a wire at 400 kHz: start, the address and each byte with its acknowledge, stop."""
        return (2 + 9 * (1 + len(self.data or b"") + self.count)) / CLOCK_HZ


def writes_outputs(address: int, data: Optional[bytes]) -> bool:
    return address in (pca9685.ADDRESS, pca9685.MOTOR_ADDRESS) and len(data or b"") > 2


class Wire:
    """`transfer` is what an adapter wants; everything else is for the test at the other end."""

    def __init__(self) -> None:
        self.board = Board()
        self._refuse = 0
        self._entries: List[Entry] = []
        self._news = threading.Condition()

    def transfer(self, address: int, data: Optional[bytes], count: int) -> bytes:
        taken = False
        try:
            if self._refuse and writes_outputs(address, data):
                self._refuse -= 1
                raise no_acknowledge()
            answer = self.board.transact([(address, data, count)])[0]
            taken = True
            return answer
        finally:
            with self._news:
                self._entries.append(Entry(time.monotonic(), address, data, count, taken, self.pulses()))
                self._news.notify_all()

    def refuse(self, times: int) -> None:
        """The next writes of outputs are not acknowledged."""
        self._refuse = times

    def pulses(self) -> Tuple[float, float]:
        return self.board.pulse_us(0), self.board.pulse_us(1)

    def since(self, start_s: float) -> List[Entry]:
        newest_first = takewhile(lambda entry: entry.t_s >= start_s, reversed(self._entries))
        return list(newest_first)[::-1]

    def await_entry(self, wanted: Callable[[Entry], bool], start_s: float, within_s: float = 5.0) -> Entry:
        """The first transfer from `start_s` on that is `wanted`. Raises TimeoutError."""
        until_s = time.monotonic() + within_s
        with self._news:
            while True:
                found = next(filter(wanted, self.since(start_s)), None)
                if found is not None:
                    return found
                left_s = until_s - time.monotonic()
                if left_s <= 0.0:
                    raise TimeoutError(f"It was not on the wire within {within_s:.1f} s; pulses: {self.pulses()}.")
                self._news.wait(left_s)

    def neutral_after(self, start_s: float, within_s: float = 5.0) -> float:
        """Seconds from `start_s` until the registers said neutral, and went on saying so. Raises TimeoutError."""
        until_s, from_s = time.monotonic() + within_s, start_s
        while True:
            first = self.await_entry(lambda entry: entry.outputs and entry.taken and entry.neutral, from_s,
                                     until_s - time.monotonic())  # fmt: skip
            time.sleep(max(0.0, first.t_s + HOLD_S - time.monotonic()))
            moving = [entry for entry in self.since(first.t_s) if entry.outputs and not entry.neutral]
            if not moving:
                return first.t_s - start_s
            from_s = moving[-1].t_s
