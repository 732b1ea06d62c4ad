"""Labelled samples as arrays to learn from, in memory: 10 000 pictures of 112x112 take 0.4 GB."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import List, Sequence, Tuple

import cv2
import numpy as np

from jetracer.data.sample import Note, Sample
from jetracer.train.junk import spoil


@dataclass(frozen=True)
class PictureSet:
    """pictures (N,S,S,3) uint8 BGR; labels (N,5): aim x, aim y, aim weight, confidence, confidence weight."""

    pictures: np.ndarray
    labels: np.ndarray
    names: Tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sha256(self) -> str:
        """Of every pixel and label, in this order."""
        digest = hashlib.sha256(self.pictures.tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


def from_samples(samples: Sequence[Sample], size_px: int, pool: int = 1) -> Tuple[PictureSet, List[Note]]:
    """The samples that have an aim and a picture; and those that have not, with the reason.

    Pictures become squares of `size_px` the way they do in a drive (`perception/preprocess.py`); `pool` > 1: a net that
    begins with the mean of as many pixels sees them so. A human who clicked saw a road: confidence is 1.
    """
    pictures, labels, names, left_out = [], [], [], []
    for sample in samples:
        if sample.aim is None:
            left_out.append(Note(sample.name, "nobody said where to drive"))
            continue
        image = sample.picture.image()
        if image is None:
            left_out.append(Note(sample.name, "cannot be decoded"))
            continue
        pictures.append(_sized(image, size_px, pool))
        labels.append((sample.aim.x, sample.aim.y, 1.0, 1.0, 1.0))
        names.append(sample.name)
    shape = (len(names), size_px // pool, size_px // pool, 3)
    return PictureSet(np.array(pictures, np.uint8).reshape(shape),
                      np.array(labels, np.float32).reshape(-1, 5), tuple(names)), left_out


def _sized(image: np.ndarray, size_px: int, pool: int) -> np.ndarray:
    if image.shape[:2] != (size_px, size_px):
        image = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    if pool > 1:
        image = cv2.resize(image, (size_px // pool, size_px // pool), interpolation=cv2.INTER_AREA)
    return image


def with_junk(data: PictureSet, share: float, seed: int) -> PictureSet:
    """The set and, beside it, `share` as many spoilt pictures in which no road can be seen: confidence is 0."""
    random = np.random.default_rng(seed)
    chosen = random.choice(len(data), round(share * len(data)), replace=False)
    if not len(chosen):
        return data
    spoilt = np.stack([spoil(data.pictures[at], random) for at in chosen])
    labels = np.tile(np.array([0.0, 0.0, 0.0, 0.0, 1.0], np.float32), (len(chosen), 1))
    return PictureSet(np.concatenate([data.pictures, spoilt]), np.concatenate([data.labels, labels]),
                      (*data.names, *(f"{data.names[at]}, spoilt" for at in chosen)))
