"""How the camera and its moment make pictures differ: light, colour, noise, blur, the car's own body in view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Tuple

import numpy as np

from jetracer.camera.geometry import SIM_CAMERA, CameraModel, Lens, Mount

BODIES = ("none", "nose", "shell")


@dataclass(frozen=True)
class Look:
    """One camera's way of seeing. The defaults are an honest, clean camera.

    gain              brightness factor;  auto_exposure 0..1: how far the scene's own brightness is evened out
    exposure_jumps    chance per frame that the auto-exposure hunts;  gamma  of the tone curve
    white_balance     factors for blue, green, red
    vignette          loss of light at the corners;  shading  pink rim and green middle of an uncorrected IMX219
    noise             sigma in grey levels, of each pixel;  blotch  of colour blotches some pixels wide
    exposure_s        time the shutter is open;  sub_poses  renderings averaged over it (1: no motion blur)
    reflection        how glossy the floor is, 0..1;  bloom  glow around blown-out windows
    softness          sigma of the lens' own blur in pixels;  haze  grey levels of stray light
    body              what of the car itself is seen: one of BODIES;  body_colour  BGR
    body_ahead_m      how far the car's nose reaches ahead of the camera
    wheel_step_rad    the wheels in view turn in steps of this: each is drawn once
    """

    gain: float = 1.0
    auto_exposure: float = 0.0
    exposure_jumps: float = 0.0
    gamma: float = 1.0
    white_balance: Tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.0
    shading: float = 0.0
    noise: float = 0.0
    blotch: float = 0.0
    exposure_s: float = 0.0
    sub_poses: int = 1
    reflection: float = 0.0
    bloom: float = 0.0
    softness: float = 0.0
    haze: float = 0.0
    body: str = "none"
    body_colour: Tuple[float, float, float] = (40.0, 40.0, 40.0)
    body_ahead_m: float = 0.06
    wheel_step_rad: float = 0.07

    @classmethod
    def plain(cls) -> Look:
        """No noise, no blur, no body in view: for geometry and golden pictures."""
        return cls()

    @classmethod
    def random(cls, rng: np.random.Generator) -> Look:
        """One of very many cameras, days and cars; as wide as the real recordings differ, and somewhat wider."""
        warm = rng.normal(0.0, 0.10)
        green = rng.normal(1.0, 0.04)
        return cls(
            gain=float(np.clip(rng.lognormal(0.0, 0.18), 0.6, 1.7)),
            auto_exposure=float(rng.uniform(0.4, 0.9)),
            exposure_jumps=float(rng.choice([0.0, 0.0, 0.01, 0.03])),
            gamma=float(np.clip(rng.lognormal(-0.05, 0.18), 0.6, 1.5)),
            white_balance=(float(1 - warm), float(green), float(1 + warm)),
            vignette=float(rng.uniform(0.0, 0.45)),
            shading=float(rng.choice([0.0, rng.uniform(0.0, 1.3)], p=[0.45, 0.55])),
            noise=float(rng.gamma(2.0, 1.4)),
            blotch=float(rng.choice([0.0, rng.uniform(0.5, 4.0)])),
            exposure_s=float(rng.uniform(0.004, 0.022)),
            sub_poses=2,
            reflection=float(rng.choice([0.0, rng.uniform(0.1, 1.0)], p=[0.45, 0.55])),
            bloom=float(rng.choice([0.0, rng.uniform(0.2, 1.0)])),
            softness=float(rng.choice([0.0, rng.uniform(0.3, 0.9)], p=[0.6, 0.4])),
            haze=float(rng.choice([0.0, rng.uniform(0.0, 35.0)])),
            body=BODIES[rng.choice(3, p=[0.3, 0.35, 0.35])],
            body_colour=_paint_job(rng),
            body_ahead_m=float(rng.choice([rng.uniform(0.03, 0.09), rng.uniform(0.08, 0.36)], p=[0.65, 0.35])),
        )


def _paint_job(rng: np.random.Generator) -> Tuple[float, float, float]:
    jobs = ((35, 35, 38), (60, 75, 235), (40, 60, 220), (200, 200, 200), (170, 90, 40), (40, 170, 230), (70, 140, 60))
    job = np.array(jobs[rng.integers(len(jobs))]) * rng.uniform(0.7, 1.1)
    return tuple(float(c) for c in np.clip(job + rng.normal(0, 10, 3), 0, 255))


def random_camera(rng: np.random.Generator, base: CameraModel = SIM_CAMERA, spread: float = 1.0) -> CameraModel:
    """`base` as another builder would have mounted it: some degrees and centimetres off; spread 0 gives `base`."""
    lens, mount = base.lens, base.mount
    zoom = math.exp(spread * rng.normal(0.0, 0.03))
    k = list(lens.k) + [0.0] * (
        (4 if lens.model == "fisheye" else 2 if lens.model == "polynomial" else 0) - len(lens.k)
    )
    if k:
        k[0] += float(spread * rng.normal(0.0, 0.015))
    shift = spread * rng.normal(0.0, 1.5, 2)
    return CameraModel(
        Lens(
            lens.model,
            lens.width,
            lens.height,
            lens.fx * zoom,
            lens.fy * zoom,
            lens.cx + float(shift[0]),
            lens.cy + float(shift[1]),
            tuple(k),
        ),
        Mount(
            height_m=max(mount.height_m * math.exp(spread * rng.normal(0.0, 0.06)), 0.05),
            forward_m=mount.forward_m + float(spread * rng.normal(0.0, 0.012)),
            pitch_rad=mount.pitch_rad + float(spread * rng.normal(0.0, math.radians(1.5))),
            roll_rad=mount.roll_rad + float(spread * rng.normal(0.0, math.radians(1.0))),
            lateral_m=mount.lateral_m + float(spread * rng.normal(0.0, 0.006)),
        ),
    )


def any_camera(rng: np.random.Generator, width: int = 224, height: int = 224) -> CameraModel:
    """Cameras of the field: narrow to fisheye, low on the bumper to high above the car's own roof."""
    kind = rng.choice(["down", "fisheye", "polynomial", "pinhole"], p=[0.25, 0.35, 0.25, 0.15])
    if kind in ("down", "fisheye"):
        hfov, k1 = math.radians(rng.uniform(95, 155)), float(rng.uniform(-0.05, 0.03))
        lens = Lens.from_hfov("fisheye", width, height, hfov, (k1,))
    elif kind == "polynomial":
        hfov, k1 = math.radians(rng.uniform(70, 105)), float(rng.uniform(-0.12, 0.0))
        lens = Lens.from_hfov("polynomial", width, height, hfov, (k1, 0.6 * k1 * k1))
    else:
        lens = Lens.from_hfov("pinhole", width, height, math.radians(rng.uniform(55, 90)))
    high = rng.uniform(0.20, 0.36) if kind == "down" else rng.uniform(0.08, 0.32)
    pitch = rng.uniform(32, 52) if kind == "down" else rng.uniform(8, 24) + 40 * (high - 0.08)
    forward = rng.uniform(0.05, 0.36)
    roll, lateral = rng.normal(0, 0.015), rng.normal(0, 0.005)
    return CameraModel(lens, Mount(high, forward, math.radians(pitch), roll, lateral))
