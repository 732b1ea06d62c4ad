"""The car's own nose, wheels or shell as its camera sees them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import CameraModel
from jetracer.sim.standing import WideProjection

Colour = Tuple[float, float, float]  # BGR

_WHEELBASE_M, _TRACK_M, _WHEEL_RADIUS_M, _WHEEL_WIDTH_M = 0.33, 0.20, 0.034, 0.03
_FINE = 2  # drawn this many times as fine, then averaged
_NOSE_LENGTH_M, _SHELL_LENGTH_M = 0.435, 0.47  # from the rear axle, of the drawings below
_FLATTEST = 1.2  # nobody mounts a camera so that the own nose hides the road: it ends 40 degrees below the horizon
_AHEAD_M = 0.015  # what is not this far before the optical centre cannot be seen


def paint(camera: CameraModel, style: str, colour: Colour, ahead_m: float, steering_rad: float = 0.0) -> np.ndarray:
    """(H, W, 4) uint8 BGRA, premultiplied: what of the car hides the view.

    ahead_m       how far the car's nose reaches ahead of the camera
    steering_rad  of the front wheels, left +
    """
    mount = camera.mount
    ahead_m = min(ahead_m, _FLATTEST * (mount.height_m - 0.06))
    canvas = _Canvas(camera, mount.forward_m + ahead_m - (_SHELL_LENGTH_M if style == "shell" else _NOSE_LENGTH_M))
    if style == "nose":
        _wheels(canvas, 0.0, 0.0)
        _wheels(canvas, _WHEELBASE_M, steering_rad)
        _nose(canvas, colour)
    elif style == "shell":
        _shell(canvas, colour)
    return canvas.finished()


class _Canvas:
    """Fills polygons given in the vehicle frame; later ones cover earlier ones."""

    def __init__(self, camera: CameraModel, shift_m: float) -> None:
        self._camera, self._shift = camera, np.array([shift_m, 0.0, 0.0])
        self._project = WideProjection(camera.lens)
        self._image = np.zeros((camera.lens.height * _FINE, camera.lens.width * _FINE, 4), np.uint8)

    def area(self, points: np.ndarray, colour: Colour, shade: float = 1.0, hull: bool = False) -> None:
        """`points` (N, 3) metres, vehicle frame; hull: fill all that lies between them."""
        eye, rotation = self._camera.mount.position_m, self._camera.rotation
        if points[:, 2].max() > eye[2] - 0.03:  # the camera would sit inside of the car
            return
        points = points + self._shift
        edges = np.linspace(points, np.roll(points, -1, 0), 6, endpoint=False, axis=1)  # lines bend in a lens
        seen = (edges.reshape(-1, 3) - eye) @ rotation
        seen[:, 2] = np.maximum(seen[:, 2], _AHEAD_M)
        px, _ = self._project(seen)
        px = np.clip((px + 0.5) * _FINE - 0.5, -8000, 8000)
        if hull:
            px = cv2.convexHull(px.astype(np.float32))[:, 0]
        tone = tuple(float(np.clip(c * shade, 0, 255)) for c in colour)
        cv2.fillPoly(self._image, [(px * 16).round().astype(np.int32)], (*tone, 255.0), cv2.LINE_AA, 4)

    def finished(self) -> np.ndarray:
        h, w = self._camera.lens.height, self._camera.lens.width
        image = cv2.resize(self._image, (w, h), interpolation=cv2.INTER_AREA)
        light = _light(h, w)
        for channel in range(3):
            image[..., channel] = np.clip(image[..., channel] * light, 0, 255)
        alpha = image[..., 3].copy()
        image = cv2.multiply(image, cv2.merge([alpha] * 4), scale=1 / 255)
        image[..., 3] = alpha
        return image


@lru_cache(maxsize=4)
def _light(h: int, w: int) -> np.ndarray:
    """(h, w) gain: light falls on it from ahead, and the floor's light and the lamps' play on its paint."""
    y, x = np.mgrid[0:h, 0:w] / max(h, w)
    return 1.12 - 0.35 * (y - 0.5) + 0.07 * np.sin(17 * x + 5 * y) * np.sin(11 * y - 4 * x)


def _ring(
    x: float, y: float, z: float, along: float, across: float, start: float = 0.0, end: float = 360.0
) -> np.ndarray:
    angle = np.radians(np.linspace(start, end, 28))
    return np.stack([x + along * np.cos(angle), y + across * np.sin(angle), np.full_like(angle, z)], 1)


def _bar(a: Tuple[float, float, float], b: Tuple[float, float, float], width: float) -> np.ndarray:
    a3, b3 = np.array(a), np.array(b)
    way = b3 - a3
    side = np.array([-way[1], way[0], 0.0]) * (0.5 * width / (math.hypot(way[0], way[1]) + 1e-9))
    return np.stack([a3 + side, b3 + side, b3 - side, a3 - side])


def _wheels(canvas: _Canvas, axle_m: float, steering_rad: float) -> None:
    c, s = math.cos(steering_rad), math.sin(steering_rad)
    turn = np.array([[c, -s], [s, c]])
    angle = np.linspace(0, 2 * np.pi, 24)
    rim = np.stack([_WHEEL_RADIUS_M * np.cos(angle), _WHEEL_RADIUS_M * np.sin(angle)], 1)
    for side in (1.0, -1.0):
        hub = np.array([axle_m, side * _TRACK_M / 2])
        faces = []
        for across in np.array([0.5, -0.5]) * _WHEEL_WIDTH_M * side:  # the outer face, then the inner one
            flat = np.stack([rim[:, 0], np.full(24, across)], 1) @ turn.T + hub
            faces.append(np.concatenate([flat, rim[:, 1:] + _WHEEL_RADIUS_M], 1))
        canvas.area(np.concatenate(faces), (38, 36, 36), hull=True)
        canvas.area(faces[1], (30, 28, 28))
        middle = faces[1].mean(0)
        canvas.area((faces[1] - middle) * 0.5 + middle, (105, 105, 108))


def _nose(canvas: _Canvas, colour: Colour) -> None:
    for side in (1.0, -1.0):  # arms to the wheels
        canvas.area(_bar((0.32, side * 0.03, 0.04), (_WHEELBASE_M, side * 0.085, 0.035), 0.02), (70, 70, 72))
    canvas.area(_bar((-0.10, 0.0, 0.05), (0.40, 0.0, 0.05), 0.085), colour)
    canvas.area(_ring(0.40, 0.0, 0.045, 0.035, 0.085, -90, 90), colour, 0.75)  # bumper
    canvas.area(_ring(0.395, 0.0, 0.052, 0.03, 0.078, -90, 90), colour, 0.95)
    for side in (1.0, -1.0):
        canvas.area(_ring(0.385, side * 0.03, 0.055, 0.006, 0.006), (190, 190, 195))


def _shell(canvas: _Canvas, colour: Colour) -> None:
    light = (255.0, 255.0, 255.0)
    tail = np.array([[-0.1, 0.098, 0.05], [-0.1, -0.098, 0.05]])
    canvas.area(np.concatenate([_ring(0.38, 0, 0.05, 0.09, 0.098, -90, 90), tail]), colour, 0.55)
    canvas.area(_ring(0.38, 0, 0.08, 0.08, 0.09, -90, 90), colour, 0.9)
    canvas.area(_across(0.38, 0.09, 0.083, 0.30, 0.09, 0.095), colour)
    for y in (0.035, -0.035):  # bonnet vents and glints
        canvas.area(_bar((0.36, y, 0.09), (0.39, y, 0.088), 0.016), (20, 20, 22))
        canvas.area(_bar((0.33, y * 1.8, 0.094), (0.42, y * 1.3, 0.086), 0.004), light, 0.9)
    glass = _across(0.32, 0.078, 0.097, 0.22, 0.066, 0.135)
    canvas.area(glass, (55, 50, 48))
    canvas.area(glass * (1, 0.5, 1) + (0.01, 0.01, 0.0), (95, 90, 88))
    for y in (0.112, -0.112):
        canvas.area(_ring(0.26, y, 0.105, 0.012, 0.016), colour, 0.85)
    canvas.area(_across(0.22, 0.068, 0.135, -0.08, 0.072, 0.135), colour, 1.08)
    for y in (0.04, 0.012, -0.03):
        canvas.area(_bar((0.19, 0.6 * y, 0.136), (-0.06, 1.4 * y, 0.136), 0.004), light, 0.95)


def _across(
    x_front: float, half_front: float, z_front: float, x_rear: float, half_rear: float, z_rear: float
) -> np.ndarray:
    """A quad from side to side: a line across the car at the front to one at the rear."""
    front = [[x_front, y, z_front] for y in (half_front, -half_front)]
    rear = [[x_rear, y, z_rear] for y in (-half_rear, half_rear)]
    return np.array(front + rear)
