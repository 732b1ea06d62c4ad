"""Pictures of a scenery from a car's camera, some hundred a second on one core."""

from __future__ import annotations

import math
from typing import Dict, Optional

import cv2
import numpy as np

from jetracer.camera.geometry import CameraModel
from jetracer.sim import body
from jetracer.sim.look import Look
from jetracer.sim.scenery import Scenery
from jetracer.sim.standing import StandingThings, blend
from jetracer.sim.view import Reflection, View, blind_pixels

_TARGET_LUMA = 112.0  # what an exposure meter aims at
_NOISE_MARGIN = 40  # the noise picture is this much larger than the frame: every frame cuts another part out of it
_BLOOM_SCALE = 4


class Renderer:
    """One camera with one look in one scenery. Cheap to make; the same calls give the same pictures.

    `frame` returns a new (H, W, 3) uint8 BGR picture for a pose of the rear axle.
    """

    def __init__(self, scenery: Scenery, camera: CameraModel, look: Optional[Look] = None, seed: int = 0) -> None:
        self.scenery, self.camera = scenery, camera
        self.look = look = look or Look.plain()
        self._rng = np.random.default_rng([seed, scenery.track.seed])
        n = max(1, look.sub_poses)
        fine = 3 if n == 1 else 2  # the sub-poses' jitter adds to it
        self._views = [View(camera, scenery, (i + 0.5) / n - 0.5, fine) for i in range(n)]
        self._reflection = Reflection(camera, scenery, look.reflection) if look.reflection > 0 else None
        self._things = StandingThings(camera, scenery)
        self._bodies: Dict[int, np.ndarray] = {}
        self._gain = self._gain_map()
        self._noise = self._noise_pictures()
        self._hunt = 0.0  # log of how far the auto-exposure is off at the moment
        self._lut = self._tone_curve()
        size = (camera.lens.height, camera.lens.width)
        self._canvas = [np.empty(size + (4,), np.uint8) for _ in range(n)]

    def frame(
        self,
        x_m: float,
        y_m: float,
        yaw_rad: float,
        speed_mps: float = 0.0,
        yaw_rate_rps: float = 0.0,
        steering_rad: float = 0.0,
    ) -> np.ndarray:
        """The picture from the pose (x_m, y_m, yaw_rad) of the rear axle, in the middle of the exposure.

        Speeds smear it over the exposure; steering_rad (front wheels, left +) turns the wheels in view.
        """
        n = len(self._views)
        for i, (view, canvas) in enumerate(zip(self._views, self._canvas)):
            dt = ((i + 0.5) / n - 0.5) * self.look.exposure_s
            yaw = yaw_rad + yaw_rate_rps * dt
            step = speed_mps * dt
            x, y = x_m + step * math.cos(yaw_rad), y_m + step * math.sin(yaw_rad)
            view.draw(x, y, yaw, canvas)
            if self._reflection is not None:
                self._reflection.add(yaw, canvas)
            self._things.draw(x, y, yaw, canvas)
        world = self._mean()
        if self.look.body != "none":
            self._lay_body(world, steering_rad)
        return self._develop(cv2.cvtColor(world, cv2.COLOR_BGRA2BGR))

    def _mean(self) -> np.ndarray:
        mean = self._canvas[0]
        for i, other in enumerate(self._canvas[1:], 2):
            mean = cv2.addWeighted(mean, 1 - 1 / i, other, 1 / i, 0, dst=self._canvas[0])
        return mean

    def prepare(self, max_steering_rad: float) -> None:
        """Draw the car's body with its wheels at every angle, so that in real time no picture takes longer for it."""
        most = self._wheel_step(max_steering_rad)
        for step in range(-most, most + 1):
            self._body(step)

    def _wheel_step(self, steering_rad: float) -> int:
        return round(steering_rad / self.look.wheel_step_rad) if self.look.body == "nose" else 0

    def _body(self, step: int) -> np.ndarray:
        """The lowest rows of a picture, down from the first that shows the body."""
        if step not in self._bodies:
            look = self.look
            angle = step * look.wheel_step_rad
            whole = body.paint(self.camera, look.body, look.body_colour, look.body_ahead_m, angle)
            rows = np.flatnonzero(whole[..., 3].any(1))
            self._bodies[step] = whole[rows[0] :].copy() if len(rows) else whole[:0]
        return self._bodies[step]

    def _lay_body(self, world: np.ndarray, steering_rad: float) -> None:
        over = self._body(self._wheel_step(steering_rad))
        if len(over):
            blend(world[len(world) - len(over) :], over)

    def _develop(self, image: np.ndarray) -> np.ndarray:
        """From light on the sensor to the picture that the camera hands out."""
        look = self.look
        if look.bloom > 0:
            self._add_bloom(image)
        if self._gain is not None:
            cv2.multiply(image, self._gain, image, 1 / 128)
        if look.exposure_jumps > 0:
            self._hunt_exposure()
        cv2.LUT(image, self._lut, image)
        if look.softness > 0:
            cv2.GaussianBlur(image, (3, 3) if look.softness < 0.8 else (5, 5), look.softness, image)
        if self._noise is not None:
            row, column = (int(v) for v in self._rng.integers(0, _NOISE_MARGIN, 2))
            part = np.s_[row : row + image.shape[0], column : column + image.shape[1]]
            cv2.add(image, self._noise[0][part], image)
            cv2.subtract(image, self._noise[1][part], image)
        return image

    def _add_bloom(self, image: np.ndarray) -> None:
        size = (image.shape[1] // _BLOOM_SCALE, image.shape[0] // _BLOOM_SCALE)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        glow = cv2.GaussianBlur(cv2.subtract(small, (200, 200, 200, 0)), (0, 0), 2.5)
        wide = cv2.resize(glow, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        cv2.scaleAdd(wide, 3.0 * self.look.bloom, image, image)

    def _hunt_exposure(self) -> None:
        before, self._hunt = self._hunt, self._hunt * 0.88
        if self._rng.random() < self.look.exposure_jumps:
            self._hunt += float(self._rng.choice((-1.0, 1.0)) * self._rng.uniform(0.15, 0.5))
        if abs(self._hunt - before) > 0.005:
            self._lut = self._tone_curve()

    def _tone_curve(self) -> np.ndarray:
        look = self.look
        metered = float(np.clip(_TARGET_LUMA / max(self.scenery.mean_luma, 1.0), 0.55, 2.2))
        gain = look.gain * metered**look.auto_exposure * math.exp(self._hunt)
        light = np.clip(np.arange(256) / 255 * gain, 0, 1)
        return (light**look.gamma * (255 - look.haze) + look.haze).round().astype(np.uint8)

    def _gain_map(self) -> Optional[np.ndarray]:
        look, lens = self.look, self.camera.lens
        blind = blind_pixels(lens)
        if look.vignette == 0 and look.shading == 0 and set(look.white_balance) == {1.0} and not blind.any():
            return None
        x = (np.arange(lens.width) - (lens.width - 1) / 2) / (lens.width / 2)
        y = (np.arange(lens.height) - (lens.height - 1) / 2) / (lens.height / 2)
        r2 = 0.5 * (x[None, :] ** 2 + y[:, None] ** 2)
        dim = (1 - look.vignette * r2)[..., None]
        # An IMX219 without shading correction is green in the middle and magenta at the rim: shading 1 is as
        # measured on one with a lens of 130 degrees.
        tint = 1 + look.shading * (np.minimum(r2, 0.8)[..., None] * (0.30, -0.20, 0.85) + (-0.02, 0.04, -0.10))
        gain = np.clip(128 * dim * tint * look.white_balance, 0, 255).round().astype(np.uint8)
        gain[blind] = 0
        return gain

    def _noise_pictures(self) -> Optional[tuple]:
        """What to add and what to take away, both uint8: saturating twice is far faster than signed arithmetic."""
        look, lens = self.look, self.camera.lens
        if look.noise == 0 and look.blotch == 0:
            return None
        h, w = lens.height + _NOISE_MARGIN, lens.width + _NOISE_MARGIN
        noise = self._rng.standard_normal((h, w, 3), np.float32) * np.float32(look.noise)
        if look.blotch > 0:
            coarse = self._rng.standard_normal((h // 5, w // 5, 3), np.float32) * np.float32(look.blotch)
            noise += cv2.resize(coarse, (w, h), interpolation=cv2.INTER_LINEAR)
        return cv2.convertScaleAbs(np.maximum(noise, 0)), cv2.convertScaleAbs(np.minimum(noise, 0))
