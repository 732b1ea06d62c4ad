"""Pictures to measure a model on, with the aims that are right where somebody knows them."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Union

import cv2
import numpy as np

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.car.model import LOOKAHEAD_M
from jetracer.core.errors import DataError
from jetracer.data.formats.base import read
from jetracer.drive.oracle import aim_at
from jetracer.sim.look import Look
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.track import generate

FIRST_SEED = 191_000  # of the validation tracks, behind those that training validates on and the parity gate shows
PER_TRACK = 16
SIZE_PX = 224
_SPREAD, _SPREAD_RAD = 0.4, 0.2  # sigma: half widths off the line, and askew


class Frames(NamedTuple):
    """pictures (N,H,W,3) uint8 BGR; aims (N,2), NaN where nobody knows; where they come from, in words."""

    pictures: np.ndarray
    aims: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.pictures)


def simulated(count: int, first_seed: int = FIRST_SEED) -> Frames:
    """`count` pictures of the simulated camera, each 16 on a track and in a light of their own."""
    cv2.setNumThreads(1)
    pictures = np.empty((count, SIZE_PX, SIZE_PX, 3), np.uint8)
    aims = np.full((count, 2), np.nan, np.float32)
    for seed in tracks(count, first_seed):
        first = (seed - first_seed) * PER_TRACK
        random, track = np.random.default_rng([seed, 0xF7A3E5]), generate(seed)
        renderer = Renderer(Scenery(track), SIM_CAMERA, Look.random(random), seed=seed)
        for at in range(first, min(count, first + PER_TRACK)):
            lateral_m = track.half_width_m * float(np.clip(random.normal(0.0, _SPREAD), -0.9, 0.9))
            pose = track.pose_at(random.uniform(0.0, track.length_m), lateral_m, random.normal(0.0, _SPREAD_RAD))
            pictures[at] = renderer.frame(*pose, random.uniform(0.0, 2.0), 0.0, 0.0)
            aim = aim_at(track, SIM_CAMERA, np.array(pose), LOOKAHEAD_M)
            if aim is not None:
                aims[at] = aim.x, aim.y
    return Frames(pictures, aims, f"{count} simulated pictures")


def tracks(count: int, first_seed: int = FIRST_SEED) -> range:
    """The seeds of the tracks that `simulated` shows."""
    return range(first_seed, first_seed + -(-count // PER_TRACK))


def from_set(path: Union[str, Path], count: int) -> Frames:
    """At most `count` pictures of the data set `path`, evenly spread over it. Raises ConfigError, DataError."""
    samples = read(path).alive
    chosen = [samples[at] for at in np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(int)]
    seen = [(sample, sample.picture.image()) for sample in chosen]
    readable = [(sample, image) for sample, image in seen if image is not None]
    if not readable:
        raise DataError(f"No picture in {path} can be read; look at them: jetracer data check {path}")
    pictures = np.stack([cv2.resize(image, (SIZE_PX, SIZE_PX)) for _, image in readable])
    aims = [(sample.aim.x, sample.aim.y) if sample.aim else (np.nan, np.nan) for sample, _ in readable]
    return Frames(pictures, np.array(aims, np.float32), f"{len(pictures)} pictures of {path}")
