"""How much worse INT8 answers than FP32, on frames that did not calibrate."""
from __future__ import annotations

from typing import Collection, Sequence

import numpy as np
from onnx import ModelProto

from jetracer.engine.card import ModelCard
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.int8.scheme import FLAVOURS
from jetracer.optimize.int8.table import Table
from jetracer.optimize.run import aim_errors, answers, apart

WIDTH_PX = 224.0


class Judge:
    """All in % of the picture's width. `model`: the one in FP32; `aims` (N,2): the right ones, NaN where unknown."""

    def __init__(self, model: ModelProto, card: ModelCard, pictures: Sequence[np.ndarray], aims: np.ndarray,
                 weight_bits: int = 8) -> None:
        self.card, self.pictures, self.aims, self.weight_bits = card, pictures, aims, weight_bits
        self._wanted = answers(model, card, pictures)
        errors = aim_errors(card, self._wanted, aims)
        self._error = float(errors.mean()) if len(errors) else None

    def moved(self, made: ModelProto, pictures: int = 0) -> float:
        """The mean distance of the aim from where FP32 has it; on the first so many pictures, or all."""
        count = pictures or len(self.pictures)
        given = answers(made, self.card, self.pictures[:count])
        return float(apart(self.card, given, {name: value[:count] for name, value in self._wanted.items()}).mean())

    def increase(self, made: ModelProto) -> float:
        """By how much the aim's mean error is larger; where no right aim is known, how far the aim moved."""
        if self._error is None:
            return self.moved(made)
        errors = aim_errors(self.card, answers(made, self.card, self.pictures), self.aims)
        return (float(errors.mean()) - self._error) / WIDTH_PX * 100.0

    def worst(self, model: ModelProto, table: Table, keep: Collection[str] = ()) -> float:
        """The increase of the worse of the two files."""
        return max(self.increase(quantise(model, table, flavour, keep, self.weight_bits if flavour == "cpu" else 8))
                   for flavour in FLAVOURS)
