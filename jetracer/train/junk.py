"""Pictures in which no lane can be seen: the net must learn to say so.

Each function takes a good picture (H, W, 3) uint8 and a random generator and returns a bad one, same shape.
"""
from __future__ import annotations

import cv2
import numpy as np


def black(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Lens cap on, a little sensor noise."""
    return random.integers(0, random.integers(1, 24), picture.shape, dtype=np.uint8)


def white(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Blown out."""
    return 255 - black(picture, random)


def flat(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One colour, a gradient across it: a wall at arm's length."""
    height, width = picture.shape[:2]
    colour = random.uniform(20.0, 235.0, 3)
    slope = np.linspace(-1.0, 1.0, width)[None, :, None] * random.normal(0.0, 20.0)
    noise = random.normal(0.0, random.uniform(0.0, 8.0), picture.shape)
    return np.clip(np.broadcast_to(colour + slope, (height, width, 3)) + noise, 0, 255).astype(np.uint8)


def noise(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Static, of any grain."""
    grain = int(random.choice((1, 2, 4, 8, 16)))
    small = random.integers(0, 256, (picture.shape[0] // grain, picture.shape[1] // grain, 3), dtype=np.uint8)
    return cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def sky(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Only what is above the horizon: the car stands on its tail."""
    rows = picture[: max(8, int(picture.shape[0] * random.uniform(0.10, 0.22)))]
    return cv2.resize(rows, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def upside_down(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """On its roof."""
    return np.ascontiguousarray(picture[::-1, ::-1])


def smeared(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Water or grease on the lens: nothing has an edge."""
    sigma = random.uniform(0.11, 0.2) * picture.shape[0]
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def covered(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A hand before the lens: a dark soft shape over nearly everything."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    middle = (int(width * random.uniform(0.4, 0.6)), int(height * random.uniform(0.55, 0.75)))
    cv2.circle(mask, middle, int(width * random.uniform(0.6, 0.8)), 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), width * 0.03)[..., None]
    shade = flat(picture, random) * random.uniform(0.2, 0.8)
    return (picture * (1.0 - mask) + shade * mask).astype(np.uint8)


KINDS = (black, white, flat, noise, sky, upside_down, smeared, covered)


def spoil(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One of the kinds, by chance."""
    return KINDS[random.integers(len(KINDS))](picture, random)
