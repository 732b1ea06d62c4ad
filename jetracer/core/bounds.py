"""Numbers kept within bounds."""
from __future__ import annotations

import math


def clip(value: float, low: float = -1.0, high: float = 1.0) -> float:
    """`value` within [low, high]; NaN becomes 0 (both comparisons of a plain clip are false for it)."""
    if math.isnan(value):
        return 0.0
    return min(max(value, low), high)
