"""A renderer that draws no scenery: stripes that move with the car. For tests of what surrounds the
pictures."""
from __future__ import annotations

import numpy as np

_STRIPES_PER_M = 100.0  # columns the stripes move for a metre, and for a radian


class PatternRenderer:
    """Takes no time to make and almost none per picture.

    Neighbouring poses show different pictures, and even a standing car never sees the same one twice: equal pixels
    mean a frozen sensor, and a real one has noise.
    """

    def __init__(self, width: int = 224, height: int = 224) -> None:
        row = np.abs(np.arange(width) * 8 % 510 - 255).astype(np.uint8)
        self._count = 0
        self._image = np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))

    def frame(self, x_m: float, y_m: float, yaw_rad: float, *_motion: float) -> np.ndarray:
        """(height, width, 3) uint8 BGR for a pose; speed, yaw rate and steering do not show."""
        image = np.roll(self._image, round((x_m + y_m + yaw_rad) * _STRIPES_PER_M), axis=1)
        self._count += 1
        image[0, : self._image.shape[1] // 2] = self._count % 251
        return image
