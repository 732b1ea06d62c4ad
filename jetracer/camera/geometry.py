"""Where a pixel looks, and where a point on the floor appears.

Three frames of reference:

* vehicle: origin on the floor under the middle of the rear axle, x forward, y left, z up, metres;
* camera: origin in the optical centre, x right, y down, z forward (OpenCV);
* picture: pixels, x right, y down, (0, 0) is the middle of the top left pixel (OpenCV).

The lens formulas are those of OpenCV (modules calib3d and fisheye): a calibration done with OpenCV fits as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Optional, Tuple

import numpy as np

from jetracer.core.errors import ConfigError, UnknownName
from jetracer.core.types import Aim

LENS_MODELS = ("pinhole", "polynomial", "fisheye")

# No lens looks farther than this from its axis.
_WIDEST_RAD = {"pinhole": math.radians(89.0), "polynomial": math.radians(89.0), "fisheye": math.radians(110.0)}
_MAX_COEFFICIENTS = {"pinhole": 0, "polynomial": 5, "fisheye": 4}


@dataclass(frozen=True)
class Lens:
    """How a direction becomes a pixel.

    model   "pinhole", "polynomial" (k = k1, k2, p1, p2[, k3]) or "fisheye" (k = k1 .. k4 of OpenCV's fisheye
            module); missing coefficients are zero
    fx, fy  focal lengths in pixels;  cx, cy  principal point in pixels
    """

    model: str
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    k: Tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.model not in LENS_MODELS:
            raise UnknownName(f"no lens model {self.model!r}: choose one of {', '.join(LENS_MODELS)}")
        if len(self.k) > _MAX_COEFFICIENTS[self.model]:
            raise ConfigError(
                f"a {self.model} lens has at most {_MAX_COEFFICIENTS[self.model]} coefficients, got {len(self.k)}"
            )
        object.__setattr__(self, "k", tuple(float(k) for k in self.k))

    @classmethod
    def from_hfov(cls, model: str, width: int, height: int, hfov_rad: float, k: Tuple[float, ...] = ()) -> Lens:
        """The lens with square pixels whose left and right picture borders are hfov_rad apart."""
        unit = cls(model, width, height, 1.0, 1.0, 0.0, 0.0, k)
        q = 0.5 * hfov_rad if model == "fisheye" else math.tan(0.5 * hfov_rad)
        if not 0.0 < 0.5 * hfov_rad < _WIDEST_RAD[model] or q >= unit._q_limit:
            raise ConfigError(
                f"a {model} lens with k={unit.k} cannot see {math.degrees(hfov_rad):.0f} degrees: use a fisheye lens"
            )
        focal = 0.5 * width / float(unit._distorted(np.float64(q)))
        return cls(model, width, height, focal, focal, (width - 1) / 2, (height - 1) / 2, k)

    def resized(self, width: int, height: int) -> Lens:
        """The same lens where its whole picture is scaled to another number of pixels."""
        if (width, height) == (self.width, self.height):
            return self
        across, down = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * across - 0.5, (self.cy + 0.5) * down - 0.5
        return Lens(self.model, width, height, self.fx * across, self.fy * down, cx, cy, self.k)

    @property
    def half_fov_rad(self) -> float:
        """Angle from the optical axis to the farthest picture corner (NaN where the corner sees nothing)."""
        w, h = self.width - 0.5, self.height - 0.5
        rays = self.unproject(np.array([[-0.5, -0.5], [w, -0.5], [-0.5, h], [w, h]]))
        return float(np.max(np.arccos(np.clip(rays[:, 2], -1.0, 1.0))))

    def rays(self) -> np.ndarray:
        """Unit rays (H, W, 3) float64 through the middle of every pixel, camera frame."""
        u, v = np.meshgrid(np.arange(self.width, dtype=np.float64), np.arange(self.height, dtype=np.float64))
        return self.unproject(np.stack([u.ravel(), v.ravel()], 1)).reshape(self.height, self.width, 3)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of points (N, 3) in the camera frame; NaN where the lens cannot see (behind, too far aside).

        The pixels may lie outside of the picture.
        """
        x, y, z = np.asarray(points, np.float64).reshape(-1, 3).T
        with np.errstate(divide="ignore", invalid="ignore"):
            rho = np.hypot(x, y)
            q = np.arctan2(rho, z) if self.model == "fisheye" else np.where(z > 0, rho / z, np.nan)
            q = np.where(q < self._q_limit, q, np.nan)
            scale = np.where(rho > 0, self._distorted(q) / rho, 0.0 * q)
            xd, yd = x * scale, y * scale
            if self._tangential is not None:
                dx, dy = self._shift(x / z, y / z)
                xd, yd = xd + dx, yd + dy
        return np.stack([xd * self.fx + self.cx, yd * self.fy + self.cy], 1)

    def unproject(self, px: np.ndarray) -> np.ndarray:
        """Unit rays (N, 3), camera frame, of pixels (N, 2); NaN where the lens formula has no answer."""
        px = np.asarray(px, np.float64).reshape(-1, 2)
        xd, yd = (px[:, 0] - self.cx) / self.fx, (px[:, 1] - self.cy) / self.fy
        q, ux, uy = self._undistorted(xd, yd)
        if self._tangential is not None:
            for _ in range(12):
                dx, dy = self._shift(q * ux, q * uy)
                q, ux, uy = self._undistorted(xd - dx, yd - dy)
        theta = q if self.model == "fisheye" else np.arctan(q)
        sine = np.sin(theta)
        return np.stack([ux * sine, uy * sine, np.cos(theta)], 1)

    # Every model is radial: r = q (1 + k1 q^2 + k2 q^4 + ...), with q the angle (fisheye) or its tangent (the others).

    @cached_property
    def _radial(self) -> Tuple[float, ...]:
        if self.model == "polynomial":
            k = self.k + (0.0,) * (5 - len(self.k))
            return (k[0], k[1], k[4])
        return self.k

    @cached_property
    def _tangential(self) -> Optional[Tuple[float, float]]:
        p = self.k[2:4] if self.model == "polynomial" else ()
        return (p[0], (p + (0.0,))[1]) if any(p) else None

    @cached_property
    def _q_limit(self) -> float:
        """Where the polynomial stops growing: beyond it two directions would share one pixel."""
        angles = np.linspace(0.0, _WIDEST_RAD[self.model], 2048)
        q = angles if self.model == "fisheye" else np.tan(angles)
        grows = self._horner(q * q, self._slope) > 0
        return float(q[-1] if grows.all() else q[np.argmin(grows) - 1])

    @cached_property
    def _slope(self) -> Tuple[float, ...]:
        return tuple((2 * i + 3) * k for i, k in enumerate(self._radial))

    def _distorted(self, q: np.ndarray) -> np.ndarray:
        return q * self._horner(q * q, self._radial)

    @staticmethod
    def _horner(q2: np.ndarray, k: Tuple[float, ...]) -> np.ndarray:
        total = np.zeros_like(q2)
        for c in reversed(k):
            total = (total + c) * q2
        return total + 1.0

    def _undistorted(self, xd: np.ndarray, yd: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """q and the unit direction in the picture plane: first guess from a table, then Newton."""
        r = np.hypot(xd, yd)
        safe = np.where(r > 0, r, 1.0)
        q = r
        if any(self._radial):
            angles = np.linspace(0.0, _WIDEST_RAD[self.model], 512)
            table = np.minimum(angles if self.model == "fisheye" else np.tan(angles), self._q_limit)
            q = np.interp(r, self._distorted(table), table, right=np.nan)
            for _ in range(4):
                step = (self._distorted(q) - r) / np.maximum(self._horner(q * q, self._slope), 1e-6)
                q = np.clip(q - step, 0.0, self._q_limit)
        q = np.where(q <= self._q_limit, q, np.nan)
        return q, xd / safe, yd / safe

    def _shift(self, x: np.ndarray, y: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        p1, p2 = self._tangential or (0.0, 0.0)
        xy, x2, y2 = x * y, x * x, y * y
        return 2 * p1 * xy + p2 * (3 * x2 + y2), p1 * (x2 + 3 * y2) + 2 * p2 * xy


@dataclass(frozen=True)
class Mount:
    """Where the camera sits: metres from the floor, ahead of the rear axle and left of the middle of the car.

    pitch_rad  down is positive;  roll_rad  turned clockwise as the driver sees it is positive
    """

    height_m: float
    forward_m: float
    pitch_rad: float
    roll_rad: float = 0.0
    lateral_m: float = 0.0

    @cached_property
    def rotation(self) -> np.ndarray:
        """(3, 3) matrix that turns a camera vector into a vehicle vector."""
        cp, sp = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        cr, sr = math.cos(self.roll_rad), math.sin(self.roll_rad)
        axes = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
        pitch = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
        roll = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
        return pitch @ roll @ axes

    @property
    def position_m(self) -> np.ndarray:
        """(3,) the optical centre in the vehicle frame."""
        return np.array([self.forward_m, self.lateral_m, self.height_m])


@dataclass(frozen=True)
class CameraModel:
    """A lens at its place on the car."""

    lens: Lens
    mount: Mount

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3) matrix that turns a camera vector into a vehicle vector."""
        return self.mount.rotation

    def ground_from_pixel(self, px: np.ndarray) -> np.ndarray:
        """Floor points (N, 2) in metres, vehicle frame, of pixels (N, 2); NaN at and above the horizon."""
        rays = self.lens.unproject(px) @ self.rotation.T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[:, 2] < -1e-6, -self.mount.height_m / rays[:, 2], np.nan)
        return self.mount.position_m[:2] + rays[:, :2] * reach[:, None]

    def project_vehicle(self, points: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of points (N, 3) in the vehicle frame, also outside of the picture; NaN where blind."""
        return self.lens.project((np.asarray(points, np.float64) - self.mount.position_m) @ self.rotation)

    def pixel_from_ground(self, xy_m: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of floor points (N, 2) in metres, vehicle frame; NaN where the point is not in the picture."""
        xy_m = np.asarray(xy_m, np.float64).reshape(-1, 2)
        px = self.project_vehicle(np.concatenate([xy_m, np.zeros((len(xy_m), 1))], 1))
        size = np.array([self.lens.width, self.lens.height])
        with np.errstate(invalid="ignore"):
            seen = ((px >= -0.5) & (px <= size - 0.5)).all(1)
        return np.where(seen[:, None], px, np.nan)

    def ground_from_aim(self, aim: Aim) -> Optional[Tuple[float, float]]:
        """Floor point (x, y) in metres, vehicle frame, of an aim point; None at and above the horizon."""
        px = [[0.5 * (aim.x + 1.0) * self.lens.width, 0.5 * (aim.y + 1.0) * self.lens.height]]
        x, y = self.ground_from_pixel(np.array(px))[0]
        return (float(x), float(y)) if math.isfinite(x) else None

    def aim_from_ground(self, x_m: float, y_m: float, beyond: bool = False) -> Optional[Aim]:
        """The aim point of a floor point in metres, vehicle frame; None where it is not in the picture.

        `beyond`: also outside of the picture, None only where the lens is blind.
        """
        if beyond:
            px, py = self.project_vehicle(np.array([[x_m, y_m, 0.0]]))[0]
        else:
            px, py = self.pixel_from_ground(np.array([[x_m, y_m]]))[0]
        if not math.isfinite(px):
            return None
        return Aim(2.0 * (float(px) / self.lens.width - 0.5), 2.0 * (float(py) / self.lens.height - 0.5))


SIM_CAMERA = CameraModel(
    Lens.from_hfov("fisheye", 224, 224, math.radians(120.0)),
    Mount(height_m=0.14, forward_m=0.30, pitch_rad=math.radians(20.0)),
)
