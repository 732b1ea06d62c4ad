"""Stands for NVIDIA's jetcam: its traits, what it raises and what it does wrong, and not a camera."""
from __future__ import annotations

import threading

import numpy as np
import traitlets


class Camera(traitlets.HasTraits):
    value = traitlets.Any()
    width = traitlets.Integer(default_value=224)
    height = traitlets.Integer(default_value=224)
    format = traitlets.Unicode(default_value="bgr8")
    running = traitlets.Bool(default_value=False)
    capture_device = traitlets.Integer(default_value=0)
    capture_fps = traitlets.Integer(default_value=30)
    capture_width = traitlets.Integer(default_value=640)
    capture_height = traitlets.Integer(default_value=480)

    broken = False

    def __init__(self, **traits):
        super().__init__(**traits)
        self.value = np.full((self.height, self.width, 3), 99, np.uint8)  # np.empty: garbage
        if self.broken:
            raise RuntimeError("Could not initialize camera.  Please see error trace.")
        self.cap = Capture(self)

    def read(self):
        if self.running:
            raise RuntimeError("Cannot read directly while camera is running")
        self.value = self._read()
        return self.value

    def _read(self):
        ok, image = self.cap.read()
        if not ok:
            raise RuntimeError("Could not read image from camera")
        return image

    @traitlets.observe("running")
    def _on_running(self, change):
        if change["new"]:
            self.thread = threading.Thread(target=self._capture_frames, daemon=True)
            self.thread.start()
        elif change["old"]:
            self.thread.join()

    def _capture_frames(self):
        while self.running:
            self.value = self._read()


class Capture:
    """What jetcam has of OpenCV; counts its pictures."""

    def __init__(self, camera):
        self.camera, self.count, self.released, self.lost = camera, 0, False, False

    def read(self):
        if self.released or self.lost:
            return False, None
        threading.Event().wait(0.002)
        self.count += 1
        return True, np.full((self.camera.height, self.camera.width, 3), self.count % 50, np.uint8)

    def release(self):
        self.released = True
