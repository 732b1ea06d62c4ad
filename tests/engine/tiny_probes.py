"""Pictures for the tiny models: coloured rectangles, which move their aims; and a steering of one degree per 0.1."""
from __future__ import annotations

import numpy as np

from jetracer.engine.parity import Probes

from .tiny_models import HEIGHT, WIDTH

DRIVING, ODD = 12, 2


def prepare(card):
    def prepared(picture):
        if card.input.dtype == "uint8":
            return picture[np.newaxis] if card.input.color == "bgr" else picture[np.newaxis, ..., ::-1]
        return np.ascontiguousarray(picture.transpose(2, 0, 1)[np.newaxis], np.float32)
    return prepared


def steering_deg(one, other):
    return 10.0 * abs(float(one[0] - other[0]))


def tiny_probes():
    random = np.random.default_rng(3)
    seen = [np.full((HEIGHT, WIDTH, 3), random.integers(0, 256, 3), np.uint8) for _ in range(DRIVING)]
    odd = [np.full((HEIGHT, WIDTH, 3), value, np.uint8) for value in (0, 255)[:ODD]]
    return Probes((*seen, *odd), DRIVING, prepare, steering_deg)
