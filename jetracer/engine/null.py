"""An engine without a network: a constant answer, for tests, benchmarks and a first dry run."""
from __future__ import annotations

from typing import Dict, Mapping, Optional

import numpy as np

from jetracer.core.types import Aim
from jetracer.engine.base import Engine
from jetracer.engine.card import ModelCard

_CARD = ModelCard(
    task="road",
    name="null",
    outputs={"aim": "constant aim point x, y in [-1, 1]", "confidence": "constant, 0 to 1"},
    precision="fp32",
)


class NullEngine(Engine):
    """Always aims at the same point; `outputs` replaces the whole answer (any shapes, NaN included)."""

    def __init__(
        self,
        aim: Optional[Aim] = None,
        confidence: float = 1.0,
        card: ModelCard = _CARD,
        outputs: Optional[Mapping[str, np.ndarray]] = None,
    ) -> None:
        self.card = card
        aim = aim or Aim(0.0, 0.0)
        self._outputs = dict(outputs) if outputs is not None else {
            "aim": np.array([[aim.x, aim.y]], np.float32),
            "confidence": np.array([[confidence]], np.float32),
        }

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        return self._outputs
