"""What the virtual chips share: a few bytes of state that a transfer reads and changes."""
from __future__ import annotations

from typing import Iterator, List, Tuple

_MERGED_GAP = 4  # changes this close go out as one piece; an LED channel has 4 registers


class Chip:
    """A chip on the bus. All it remembers is in `state`, so that it can live in memory shared by processes.

    `write` gets the bytes of a message after the address, `read` gives the bytes the master clocks out.
    """

    size = 0

    def __init__(self) -> None:
        self.state = self.power_on()
        self._touched: List[int] = []

    @classmethod
    def power_on(cls) -> bytearray:
        """The state after the supply comes up."""
        return bytearray(cls.size)

    def load(self, state: bytes) -> None:
        self.state[:] = state
        self._touched.clear()

    def write(self, data: bytes) -> None:
        raise NotImplementedError

    def read(self, count: int) -> bytes:
        raise NotImplementedError

    def changes(self) -> Iterator[Tuple[int, bytes]]:
        """(offset, bytes) pieces of the state that this transfer changed, neighbours in one piece."""
        places = sorted(set(self._touched))
        while places:
            end = next(
                (i for i in range(1, len(places)) if places[i] - places[i - 1] > _MERGED_GAP), len(places)
            )
            first, last = places[0], places[end - 1]
            yield first, bytes(self.state[first : last + 1])
            places = places[end:]

    def _put(self, place: int, value: int) -> None:
        self.state[place] = value
        self._touched.append(place)
