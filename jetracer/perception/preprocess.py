"""From the camera's picture to the model's input, as its card asks for, without allocating.

A model with uint8 NHWC input of the camera's own size costs nothing here: the picture is passed on as it is.
Resizing is bilinear (0.1 ms for 1280x720; area averaging would take 4.5 ms).
"""
from __future__ import annotations

import cv2
import numpy as np

from jetracer.camera.pixels import check_image, resized
from jetracer.core.errors import CardError
from jetracer.engine.card import ModelCard

_MAX_PIXEL = 255.0


class Preprocess:
    """Call it with a (H, W, 3) uint8 BGR picture of any size; returns the model's input, batch 1.

    The array returned is reused by the next call and may be the picture itself: do not write into it.
    """

    def __init__(self, card: ModelCard) -> None:
        wanted = card.input
        self._size = (wanted.width, wanted.height)
        self._rgb = wanted.color == "rgb"
        self._sized = np.empty((wanted.height, wanted.width, 3), np.uint8)
        self._colored = np.empty_like(self._sized)
        self._floats = np.empty(wanted.shape, np.float32) if wanted.dtype == "float32" else None
        if self._floats is not None:
            self._scale, self._shift = _affine(card)
            # the three colour planes of the result, whichever way they lie in memory
            self._planes = np.moveaxis(self._floats[0], 0 if wanted.layout == "NCHW" else 2, 0)
        elif wanted.layout != "NHWC":
            raise CardError(f"The model {card.name!r} wants uint8 in NCHW order; export it with NHWC input.")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        check_image(image)
        if image.shape[1::-1] != self._size:
            image = resized(image, self._size, self._sized)
        if self._floats is not None:
            return self._normalise(image)
        if self._rgb:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=self._colored)
        return image[np.newaxis]

    def _normalise(self, image: np.ndarray) -> np.ndarray:
        channels = cv2.split(image)
        if self._rgb:
            channels = channels[::-1]
        for plane, channel, scale, shift in zip(self._planes, channels, self._scale, self._shift):
            np.multiply(channel, scale, out=plane)
            np.add(plane, shift, out=plane)
        return self._floats


def _affine(card: ModelCard) -> tuple:
    """(pixel / 255 - mean) / std as pixel * scale + shift, each a list of three numbers."""
    try:
        mean = np.broadcast_to(np.asarray(card.normalisation.get("mean", 0.0), np.float32), (3,))
        std = np.broadcast_to(np.asarray(card.normalisation.get("std", 1.0), np.float32), (3,))
    except ValueError as error:
        raise CardError(f"The card of {card.name!r}: mean and std need one number or three.") from error
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise CardError(f"The card of {card.name!r}: mean must be finite and std greater than 0.")
    return 1.0 / (_MAX_PIXEL * std), -mean / std
