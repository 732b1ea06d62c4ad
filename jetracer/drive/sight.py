"""How well a road model sees, open loop: its aim in pictures of a track beside the aim that is right there.

Nothing drives, so that two models are asked about the very same pictures. Errors are in pixels of a picture 224 wide
and high, and in degrees between the two directions as the camera sees them.
"""
from __future__ import annotations

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from jetracer.camera.geometry import SIM_CAMERA, CameraModel
from jetracer.car.model import LOOKAHEAD_M, CarModel
from jetracer.core.types import Aim, Frame
from jetracer.drive.oracle import aim_at
from jetracer.perception.base import Perception
from jetracer.sim.track import Track

SIZE_PX = 224
EDGES = (-1.0, -0.6, -0.2, 0.2, 0.6, 1.0)  # of the bins of steering, left to right
SPREAD, SPREAD_RAD = 0.4, math.radians(12.0)  # sigma of where the car stands: half widths off the line, and askew
_CAR = CarModel()


class Sight(NamedTuple):
    """One picture: the steering that the right aim asks for, and the model's error.

    Where it gave no aim, the error is that of answering the middle of the picture.
    """

    steering: float
    error_px: float
    error_deg: float


def look(track: Track, seed: int, road: Perception, renderer: Any, count: int) -> List[Sight]:
    """What `road` says about `count` pictures along the track, drawn by `renderer` through the simulated camera."""
    random = np.random.default_rng([track.seed, seed, 0x516E7])
    seen: List[Sight] = []
    for number in range(count):
        lateral_m = track.half_width_m * float(np.clip(random.normal(0.0, SPREAD), -0.9, 0.9))
        pose = track.pose_at(random.uniform(0.0, track.length_m), lateral_m, random.normal(0.0, SPREAD_RAD))
        picture = renderer.frame(*pose, random.uniform(0.0, 2.0), 0.0, 0.0)
        wanted = aim_at(track, SIM_CAMERA, np.array(pose), LOOKAHEAD_M)
        if wanted is not None:
            seen.append(sight(wanted, road.perceive(Frame(picture, 0.0, number)).aim, SIM_CAMERA))
    return seen


def sight(wanted: Aim, aim: Optional[Aim], camera: CameraModel) -> Sight:
    """A model's aim beside the one that is wanted."""
    ground = camera.ground_from_aim(wanted)
    steering = _CAR.steering(_CAR.curvature_to(*ground)) if ground else wanted.x
    aim = aim or Aim(0.0, 0.0)
    error_px = SIZE_PX / 2.0 * math.hypot(aim.x - wanted.x, aim.y - wanted.y)
    return Sight(steering, error_px, math.degrees(abs(bearing_rad(aim, camera) - bearing_rad(wanted, camera))))


def bearing_rad(aim: Aim, camera: CameraModel) -> float:
    """Where the camera sees an aim: the angle from straight ahead over the floor, left +."""
    px = [[0.5 * (aim.x + 1.0) * camera.lens.width, 0.5 * (aim.y + 1.0) * camera.lens.height]]
    x, y, _ = (camera.lens.unproject(np.array(px)) @ camera.rotation.T)[0]
    return math.atan2(y, x)


def told(seen: Sequence[Sight]) -> Dict[str, Any]:
    """JSON-ready: the errors of all pictures, and by the steering that the right aim asks for."""
    rows = np.array(seen, float).reshape(-1, 3)
    number = np.digitize(rows[:, 0], EDGES[1:-1])
    return {**_errors(rows), "by_steering": [{"from": low, "to": high, **_errors(rows[number == at])}
                                             for at, (low, high) in enumerate(zip(EDGES, EDGES[1:]))]}


def _errors(rows: np.ndarray) -> Dict[str, Any]:
    return {"pictures": len(rows), "error_px": _spread(rows[:, 1]), "error_deg": _spread(rows[:, 2])}


def _spread(values: np.ndarray) -> Optional[Dict[str, float]]:
    if not len(values):
        return None
    found = {"mean": values.mean(), "median": np.median(values), "p90": np.quantile(values, 0.9)}
    return {name: round(float(value), 3) for name, value in found.items()}
