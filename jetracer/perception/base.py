"""Perception: from a picture to its meaning."""
from __future__ import annotations

from jetracer.core.types import Frame, Scene


class Perception:
    def perceive(self, frame: Frame) -> Scene:
        """What the frame means; the scene carries the frame's own time.

        A picture that says nothing gives `Scene(aim=None, confidence=0)`: no exception, and no guess.
        """
        raise NotImplementedError
