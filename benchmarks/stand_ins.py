"""Stand-ins for camera pictures and network, the same for every loop under test."""
from __future__ import annotations

import math
from pathlib import Path
from typing import Dict

import numpy as np

from jetracer.engine.base import Engine
from jetracer.engine.load import load_engine
from jetracer.engine.null import NullEngine

TRACK_SEED = 1_000_000  # of the evaluation range: no model was trained on it
PICTURES = 48
SWAY_TURNS = 50  # frames from left to right and back


def draw_pictures(path: Path, count: int = PICTURES) -> Path:
    """`count` pictures of one lap of the simulated track, (count, 224, 224, 3) uint8 BGR, saved as .npy."""
    import cv2

    from jetracer.camera.geometry import SIM_CAMERA
    from jetracer.sim.look import Look
    from jetracer.sim.render import Renderer
    from jetracer.sim.scenery import Scenery
    from jetracer.sim.track import generate

    cv2.setNumThreads(1)
    track = generate(TRACK_SEED)
    renderer = Renderer(Scenery(track), SIM_CAMERA, Look(noise=2.0), seed=1)
    places = [track.length_m * number / count for number in range(count)]
    np.save(path, np.stack([renderer.frame(*track.pose_at(s_m), speed_mps=1.5) for s_m in places]))
    return path


class SwayingEngine(NullEngine):
    """A network that costs nothing and whose aim swings: every command differs from the one before."""

    _turn = 0

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        self._turn += 1
        answer = super().infer(inputs)
        answer["aim"][0, 0] = 0.5 * math.sin(2.0 * math.pi * self._turn / SWAY_TURNS)
        return answer


def make_engine(name: str) -> Engine:
    """`name` as `jetracer drive --road` takes it; "null" sways. Raises ModelNotFound and the like."""
    return SwayingEngine() if name == "null" else load_engine(name)

