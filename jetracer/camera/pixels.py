"""Whether an array is a picture at all, and whether there is anything in it."""
from __future__ import annotations

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
