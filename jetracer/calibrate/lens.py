"""From views of a board to the lens: OpenCV's calibrations, with the views thrown out that do not fit."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Sequence, Tuple

import cv2
import numpy as np

from jetracer.calibrate.board import Board, View
from jetracer.camera.geometry import LENS_MODELS, Lens
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown

FEWEST_VIEWS = 6
WIDE_RAD = math.radians(60.0)  # from the axis to the corner: beyond it the polynomial does not hold
ALIKE = 1.02  # a lens with more to it has to be better by this factor
OUTLIER, SMALL_PX = 2.5, 0.3  # a view is thrown out beyond so many times the median error, and beyond this
_ENDS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-9)


@dataclass(frozen=True)
class Fit:
    """`errors_px` is the RMS distance in each of `used`, the numbers of the views that were kept."""

    lens: Lens
    rms_px: float
    errors_px: Tuple[float, ...]
    used: Tuple[int, ...]


def fit(board: Board, views: Sequence[View], width: int, height: int, model: str = "auto") -> Fit:
    """The lens that explains the views best. "auto" tries polynomial and fisheye.

    Raises ConfigError when there are too few views or nothing fits.
    """
    if model not in ("auto", *LENS_MODELS):
        raise unknown("lens model", model, ("auto", *LENS_MODELS))
    if len(views) < FEWEST_VIEWS:
        raise ConfigError(f"The board was found in {len(views)} different pictures, {FEWEST_VIEWS} are needed and 15 "
                          "are good: show it in the corners too, near and far, and tilted.")
    tried = [_without_outliers(board, views, width, height, name)
             for name in (("polynomial", "fisheye") if model == "auto" else (model,))]
    found = [one for one in tried if one is not None]
    if not found:
        raise ConfigError("No lens explains these pictures; is the board flat, and as --squares says?"
                          + (" Try --model fisheye." if model in ("pinhole", "polynomial") else ""))
    return min(found, key=_badness)


def _badness(one: Fit) -> float:
    """The error; a polynomial that has to see far aside, or cannot reach the corners, is worse than any."""
    half = one.lens.half_fov_rad
    if one.lens.model != "fisheye" and not half <= WIDE_RAD:
        return 1e3 + one.rms_px
    return one.rms_px * (ALIKE if one.lens.model == "fisheye" else 1.0)


def _without_outliers(board: Board, views: Sequence[View], width: int, height: int, model: str):
    used = list(range(len(views)))
    while len(used) >= FEWEST_VIEWS:
        try:
            lens, px_of = _calibrate(board, [views[i] for i in used], width, height, model)
        except _BadViewError as bad:
            del used[bad.number]
            continue
        except cv2.error:
            return None
        errors = [_rms(np.asarray(px).reshape(-1, 2) - views[i].px) for px, i in zip(px_of, used)]
        keep = [i for i, error in zip(used, errors) if error <= max(SMALL_PX, OUTLIER * float(np.median(errors)))]
        if len(keep) == len(used) or len(keep) < FEWEST_VIEWS:
            counts = np.array([len(views[i].ids) for i in used])
            total = math.sqrt(float(np.sum(np.square(errors) * counts) / counts.sum()))
            return Fit(lens, total, tuple(errors), tuple(used))
        used = keep
    return None


class _BadViewError(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _calibrate(board: Board, views: List[View], width: int, height: int, model: str):
    """(Lens, the corners where it expects them in each view). Raises cv2.error, _BadViewError."""
    points = [board.points(view.ids).reshape(1, -1, 3) for view in views]  # OpenCV 5's fisheye takes no other shape
    pixels = [view.px.reshape(1, -1, 2) for view in views]
    if model == "fisheye":
        return _fisheye(points, pixels, width, height)
    flags = cv2.CALIB_FIX_K3
    if model == "pinhole":
        flags |= cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_ZERO_TANGENT_DIST
    points, pixels = [np.float32(p) for p in points], [np.float32(p) for p in pixels]
    _, matrix, k, turns, shifts = cv2.calibrateCamera(points, pixels, (width, height), None, None, None, None, flags,
                                                      _ENDS)
    k = np.asarray(k).ravel()
    seen = [cv2.projectPoints(p, r, t, matrix, k)[0] for p, r, t in zip(points, turns, shifts)]
    return _lens(model, width, height, matrix, () if model == "pinhole" else k[:5]), seen


def _fisheye(points: List[np.ndarray], pixels: List[np.ndarray], width: int, height: int):
    """With two coefficients where four are no better: they trade places with the focal length."""
    two = _fisheye_from_any_start(points, pixels, width, height, ("FIX_K3", "FIX_K4"))
    four = _fisheye_from_any_start(points, pixels, width, height, ())
    found = [one for one in (two, four) if one is not None]
    if not found:
        raise _BadViewError(int(np.argmin([p.size for p in points])))
    _, matrix, k, turns, shifts = min(found, key=lambda one: one[0] * (ALIKE if one is four else 1.0))
    seen = [cv2.fisheye.projectPoints(p, r, t, matrix, k)[0] for p, r, t in zip(points, turns, shifts)]
    return _lens("fisheye", width, height, matrix, np.asarray(k).ravel()), seen


def _fisheye_from_any_start(points: List[np.ndarray], pixels: List[np.ndarray], width: int, height: int,
                            fixed: Tuple[str, ...]):
    """The best of cv2.fisheye.calibrate from several focal lengths: from a far one it fails, or ends badly."""
    names = ("RECOMPUTE_EXTRINSIC", "FIX_SKEW", "USE_INTRINSIC_GUESS", *fixed)
    flags = sum(getattr(cv2.fisheye, f"CALIB_{name}", None) or getattr(cv2, f"CALIB_{name}") for name in names)
    best = None
    for across_deg in (90, 140, 190):
        focal = width / math.radians(across_deg)
        start = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
        try:
            one = cv2.fisheye.calibrate(points, pixels, (width, height), start, np.zeros((4, 1)), None, None, flags,
                                        _ENDS)
        except cv2.error:
            continue
        if math.isfinite(one[0]) and (best is None or one[0] < best[0]):
            best = one
    return best


def _lens(model: str, width: int, height: int, matrix: np.ndarray, k: Sequence[float]) -> Lens:
    return Lens(model, width, height, float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]),
                float(matrix[1, 2]), tuple(float(value) for value in k))


def _rms(apart: np.ndarray) -> float:
    return math.sqrt(float(np.mean(np.sum(np.square(apart), 1))))
