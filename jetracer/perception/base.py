"""Perception: from a picture to its meaning."""
from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from jetracer.core.types import Frame, Scene

if TYPE_CHECKING:
    from jetracer.engine.base import Engine
    from jetracer.engine.card import ModelCard


class Perception:
    """`card` is that of the model behind it, if there is one; so is `engine`."""

    card: Optional[ModelCard] = None
    engine: Optional[Engine] = None

    def perceive(self, frame: Frame) -> Scene:
        """What the frame means; the scene carries the frame's own time.

        A picture that says nothing gives `Scene(aim=None, confidence=0)`: no exception, and no guess.
        """
        raise NotImplementedError
