"""Golden pictures of the simulator: `python -m tests.golden_sim` makes them anew; look at them before keeping them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.sim.look import Look
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.track import generate

FOLDER = Path(__file__).parent / "golden" / "sim"
FULL = Look(
    gain=1.1,
    auto_exposure=0.6,
    gamma=0.9,
    vignette=0.3,
    shading=0.6,
    exposure_s=0.012,
    sub_poses=2,
    reflection=0.5,
    bloom=0.5,
    body="nose",
    body_colour=(60.0, 75.0, 235.0),
)

# name: seed of the track, metres along it, look
SCENES: Dict[str, Tuple[int, float, Look]] = {
    "tape": (7, 1.0, Look.plain()),
    "walls": (11, 3.0, Look.plain()),
    "mat": (15, 2.0, Look.plain()),
    "cables": (21, 4.0, Look.plain()),
    "asphalt": (20, 5.0, FULL),
    "dashes": (19, 6.0, FULL),
}


def render(name: str) -> np.ndarray:
    """(224, 224, 3) uint8 BGR: the scene as the code draws it now."""
    seed, s_m, look = SCENES[name]
    track = generate(seed)
    return Renderer(Scenery(track), SIM_CAMERA, look).frame(*track.pose_at(s_m, 0.05, 0.1), 1.5, 0.4, 0.2)


def write_all() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in SCENES:
        cv2.imwrite(str(FOLDER / f"{name}.png"), render(name), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    write_all()
