"""No display: keeps what it was last shown, for whoever wants to look at it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple

from jetracer.display.base import SIZES, Display

if TYPE_CHECKING:
    import numpy as np


class NullDisplay(Display):
    image: Optional[np.ndarray] = None

    @property
    def size(self) -> Tuple[int, int]:
        return SIZES[self._config.size or "128x32"]

    def show(self, image: np.ndarray) -> None:
        self.image = image
