"""Road following: where to drive, straight from the picture."""
from __future__ import annotations

import logging
import math
from typing import Dict, Optional

import numpy as np

from jetracer.camera.pixels import is_blank
from jetracer.core.errors import CardError
from jetracer.core.types import Aim, Frame, Scene
from jetracer.engine.base import Engine
from jetracer.perception.base import Perception
from jetracer.perception.preprocess import Preprocess

_log = logging.getLogger(__name__)


class RoadFollower(Perception):
    """Asks a road model for the aim: output "aim" (1, 2) x, y in [-1, 1], and "confidence" (1, 1) if any.

    Blank pictures and answers that are not finite numbers give no aim and confidence 0; `flaw` says which
    ("blank", "not finite", or "" when all was well) and `flaws` counts them. The engine must be open.
    """

    def __init__(self, engine: Engine) -> None:
        self.card = card = engine.card
        self.engine = engine
        self._input = card.input.name
        self._aim = card.output("aim")
        self._confidence = card.output("confidence")
        if self._aim is None:
            raise CardError(
                f"The model {card.name!r} (task {card.task!r}) has no output \"aim\", only "
                f"{', '.join(card.outputs)}; choose a road model."
            )
        self._prepare = Preprocess(card)
        self.flaw = ""
        self.flaws: Dict[str, int] = {"blank": 0, "not finite": 0}

    def perceive(self, frame: Frame) -> Scene:
        self.flaw = ""
        if is_blank(frame.image):
            return self._flawed("blank", frame)
        answer = self.engine.infer({self._input: self._prepare(frame.image)})
        aim = _finite(answer.get(self._aim), 2)
        confidence = _finite(answer.get(self._confidence), 1) if self._confidence else (1.0,)
        if aim is None or confidence is None:
            return self._flawed("not finite", frame)
        x, y = (min(1.0, max(-1.0, value)) for value in aim)
        return Scene(frame.t_s, Aim(x, y), confidence=min(1.0, max(0.0, confidence[0])))

    def _flawed(self, flaw: str, frame: Frame) -> Scene:
        if not self.flaws[flaw]:
            _log.warning("frame %d: the %s is %s; no aim while this lasts",
                         frame.seq, "picture" if flaw == "blank" else "model's answer", flaw)
        self.flaw = flaw
        self.flaws[flaw] += 1
        return Scene(frame.t_s, None, confidence=0.0)


def _finite(data: Optional[np.ndarray], count: int) -> Optional[tuple]:
    """The first `count` numbers as floats, or None unless all are there and finite."""
    if data is None or data.size < count:
        return None
    values = tuple(float(value) for value in data.reshape(-1)[:count])
    return values if all(map(math.isfinite, values)) else None
