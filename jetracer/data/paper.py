"""How our drawings look: ink on paper, drawn with OpenCV alone."""
from __future__ import annotations

from typing import List, Tuple

import cv2
import numpy as np

Color = Tuple[int, int, int]  # BGR

PAPER: Color = (250, 248, 246)
INK: Color = (60, 50, 44)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def text(image: np.ndarray, words: str, at: Tuple[int, int], scale: float, color: Color = INK) -> int:
    """Write and return the x at which it ends."""
    cv2.putText(image, words, at, _FONT, scale, color, max(1, round(1.6 * scale)), cv2.LINE_AA)
    return at[0] + width_of(words, scale)


def width_of(words: str, scale: float) -> int:
    """Width of the words in px."""
    return cv2.getTextSize(words, _FONT, scale, 1)[0][0]


def ramp(share: np.ndarray) -> List[Color]:
    """BGR per share in [0, 1]: violet, little, over teal to yellow, much."""
    # without the lightest yellows, which drown on white
    steps = np.round(np.clip(share, 0.0, 0.93) * 255.0).astype(np.uint8).reshape(-1, 1)
    return [tuple(map(int, color)) for color in cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS)[:, 0]]
