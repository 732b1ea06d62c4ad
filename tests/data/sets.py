"""Small data sets for tests: pictures that differ, and samples made of them."""
from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from jetracer.core.types import Aim, Command, Detection
from jetracer.data.picture import Picture
from jetracer.data.sample import Sample

REAL = Path(os.environ.get("JETRACER_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def image(seed=0, size=(64, 48)):
    """(H, W, 3): broad patches, as different from seed to seed as two places of a track."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)


def jpeg(path, seed=0, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image(seed, size))
    return path


def samples(folder, count=4, **fields):
    """`count` samples that know everything; `fields` replace what they know."""
    made = []
    for at in range(count):
        known = {
            "aim": Aim(-0.5 + at / 4, 0.25), "command": Command(-0.25 + at / 8, 0.5), "speed_mps": 1.5,
            "boxes": (Detection("cone", 1.0, (0.25, 0.25, 0.5, 0.75)),), "t_s": 1_700_000_000.0 + at / 20,
            "session": f"day {at % 2}", "category": "apex", "tags": ("sunny",), "deleted": at == 1, **fields,
        }
        path = jpeg(folder / f"{at}.jpg", at)
        made.append(Sample(Picture(path.name, path), **known))
    return made


def why(notes):
    return {note.path: note.why for note in notes}
