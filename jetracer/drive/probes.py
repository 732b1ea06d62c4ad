"""The pictures that engines are compared on, and how far apart two aims would turn the wheels.

Drawn by the simulator, so that every car has them without a recording, and always the same ones. The tracks are none
that the shipped model was trained or evaluated on.
"""
from __future__ import annotations

import math
from functools import lru_cache
from typing import Iterator, Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.car.model import CarModel
from jetracer.control.aim import AimSteering
from jetracer.control.config import AimConfig, ArcConfig
from jetracer.core.types import Aim
from jetracer.engine.parity import Probes
from jetracer.perception.preprocess import Preprocess
from jetracer.sim.look import Look
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.track import generate

SEEDS = (190_001, 190_002, 190_003, 190_004)  # of the tracks; from those that validate, so never evaluated on
VIEWS = 12  # pictures of each track
_LATERAL, _ASKEW_RAD = 0.4, math.radians(12.0)  # sigma of where the car stands: half widths off the line, and askew
_SIZE = (224, 224)
_CAR, _ARC = CarModel(), ArcConfig()


@lru_cache(maxsize=1)
def road_probes() -> Probes:
    """48 pictures of four tracks in as many lights, and 12 that no car should see. Takes some seconds."""
    seen = [picture for seed in SEEDS for picture in _views(seed)]
    return Probes((*seen, *odd_pictures()), len(seen), Preprocess, steering_deg)


def _views(seed: int) -> Iterator[np.ndarray]:
    """Along one track; the lights change after every third picture, plain first."""
    random = np.random.default_rng([seed, 0x9A217])
    track = generate(seed)
    scenery = Scenery(track, seed=seed)
    for number in range(VIEWS):
        if number % 3 == 0:
            light = Look.random(random) if number else Look.plain()
            renderer = Renderer(scenery, SIM_CAMERA, light, seed=seed + number)
        lateral_m = track.half_width_m * float(np.clip(random.normal(0.0, _LATERAL), -0.9, 0.9))
        s_m = track.length_m * (number + random.random()) / VIEWS
        pose = track.pose_at(s_m, lateral_m, random.normal(0.0, _ASKEW_RAD))
        yield renderer.frame(*pose, random.uniform(0.0, 2.0), 0.0, 0.0)


def odd_pictures() -> Tuple[np.ndarray, ...]:
    """Flat, extreme and noisy ones, which a camera shows when it fails or is blinded: an engine must survive them."""
    random = np.random.default_rng(0x0DD)
    flat = [np.full((*_SIZE, 3), colour, np.uint8) for colour in
            (0, 255, 128, (255, 0, 0), (0, 255, 0), (0, 0, 255))]
    noise = [random.integers(0, 256, (*_SIZE, 3), np.uint8) for _ in range(2)]
    coarse = [cv2.resize(random.integers(0, 256, (7, 7, 3), np.uint8), _SIZE, interpolation=cv2.INTER_CUBIC)
              for _ in range(2)]
    steps = np.indices(_SIZE)
    striped = np.where((steps.sum(axis=0) // 8 % 2)[..., None], 255, 0) * np.ones(3)
    slope = np.stack([steps[0], steps[1], 223 - steps[0]], axis=-1) * 255.0 / 223.0
    return (*flat, *noise, *coarse, striped.astype(np.uint8), slope.astype(np.uint8))


def steering_deg(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees between the front wheels' angles that two aims (2,) ask for: pure pursuit, as the car drives.

    Where either is off the floor or too far off, both are steered by their x, as `control/pursuit.py` does then: the
    change from one law to the other is no error of an engine's.
    """
    aims = [Aim(float(aim[0]), float(aim[1])) for aim in (one, other)]
    points = [SIM_CAMERA.ground_from_aim(aim) for aim in aims]
    if all(point is not None and math.hypot(*point) <= _ARC.farthest_m for point in points):
        angles = [_CAR.steering(_CAR.curvature_to(*point, 0.0, _ARC.nearest_m)) for point in points]
    else:
        angles = [AimSteering(AimConfig()).steering(aim, 0.0) for aim in aims]
    return math.degrees(abs(angles[0] - angles[1]) * _CAR.max_steer_rad)
