"""How often each value occurred, in one pass and fixed memory, whatever the values will be."""
from __future__ import annotations

from typing import Tuple

import numpy as np

HALF = 4096  # bins on either side of zero; after a doubling at least half of them are in use


class Histogram:
    """Counts in 2 * HALF equal bins over [-reach, reach).

    `reach` doubles when a value lies beyond it: pairs of bins become one, so that no count is ever moved by more than
    a bin, and the order in which pictures come changes little. `low` and `high` are exact.
    """

    def __init__(self) -> None:
        self.reach, self.low, self.high = 0.0, np.inf, -np.inf
        self.counts = np.zeros(2 * HALF, np.int64)

    @property
    def width(self) -> float:
        return self.reach / HALF

    @property
    def edges(self) -> np.ndarray:
        """(2 * HALF + 1,) borders of the bins."""
        return np.linspace(-self.reach, self.reach, 2 * HALF + 1)

    def add(self, values: np.ndarray) -> None:
        """Count finite values of any shape. Raises ValueError for others."""
        low, high = float(values.min()), float(values.max())
        if not np.isfinite(low) or not np.isfinite(high):
            raise ValueError("holds a value that is not finite")
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._grow(max(-low, high))
        if self.reach == 0.0:  # nothing but zeros so far
            self.counts[HALF] += values.size
            return
        at = (values.ravel() * np.float32(HALF / self.reach) + np.float32(HALF)).astype(np.int32)
        np.clip(at, 0, 2 * HALF - 1, out=at)
        self.counts += np.bincount(at, minlength=2 * HALF)

    def _grow(self, most: float) -> None:
        if self.reach == 0.0:
            self.reach = most
            return
        while most > self.reach:
            self.reach *= 2.0
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts[:] = 0
            self.counts[HALF // 2 : HALF // 2 + HALF] = pairs

    def folded(self) -> Tuple[np.ndarray, float]:
        """(counts of distances from zero, up to the last bin in use; width of a bin)."""
        counts = self.counts[HALF:] + self.counts[:HALF][::-1]
        used = int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 1
        return counts[:used], self.width
