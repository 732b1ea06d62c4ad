"""Whether an array is a picture at all, whether there is anything in it, and the same picture in another size."""
from __future__ import annotations

from typing import Optional, Tuple

import cv2
import numpy as np

from jetracer.core.errors import CameraError

BLANK_STD = 2.0  # grey levels; a covered lens or a dead sensor shows less, any real scene far more
_SAMPLE_STEP = 8  # every 8th pixel each way tells a blank picture as surely as all of them


def check_image(image: np.ndarray) -> None:
    """Raise CameraError unless `image` is (H, W, 3) uint8."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise CameraError(
            f"A picture of {image.dtype} {list(image.shape)} came in, but uint8 BGR (height, width, 3) is "
            "needed; check the camera's format."
        )


def is_blank(image: np.ndarray) -> bool:
    """True when every colour channel is all but constant: a covered lens, a dead sensor, a blinded one."""
    check_image(image)
    sample = np.ascontiguousarray(image[::_SAMPLE_STEP, ::_SAMPLE_STEP])
    return float(cv2.meanStdDev(sample)[1].max()) < BLANK_STD


def resized(image: np.ndarray, size: Tuple[int, int], out: Optional[np.ndarray] = None) -> np.ndarray:
    """The picture (H,W,3) stretched to `size`, (width, height), bilinear; into `out` where that is given.

    Bilinear looks at two rows for each new one and skips those between. Of a much larger picture it is given every
    third or fifth row: the two then lie further apart, so that edges are less jagged, and it takes less time.
    """
    step = _row_step(image.shape[0], size[1])
    return cv2.resize(image[step // 2::step], size, dst=out, interpolation=cv2.INTER_LINEAR)


def _row_step(rows: int, wanted: int) -> int:
    """Odd, so that a row lies in the middle of each step, and a divisor, so that nothing moves."""
    return next(step for step in (5, 3, 1) if (rows % step == 0 and rows >= step * wanted) or step == 1)
