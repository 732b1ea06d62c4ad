"""What INT8 costs: how much worse it answers than FP32, on frames that did not calibrate, and what the gate says."""
from __future__ import annotations

from types import MappingProxyType
from typing import Collection, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from onnx import ModelProto

from jetracer.engine.card import ModelCard
from jetracer.engine.parity import Probes, limits_for
from jetracer.engine.parity import judge as gate
from jetracer.engine.scales import ALLOWED, noises
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.int8.scheme import FLAVOURS
from jetracer.optimize.int8.table import Table
from jetracer.optimize.run import aim_errors, answers, apart

WIDTH_PX = 224.0
NEAR = 2.0  # times the noise of a tensor's best scale, of the ALLOWED: one bit, as other frames calibrate than judge
LIMITS = limits_for("int8")


class Cost(NamedTuple):
    """Of the worse of the two files. `increase`: of the aim's mean error, in % of the picture's width.

    `strain`: the worst figure of the gate's comparison in parts of what it allows; `noisy`: tensors whose scale makes
    more than NEAR times the noise of the best one, and how many times; `refused`: what the gate says, in sentences.
    """

    increase: float
    strain: float = 0.0
    noisy: Mapping[str, float] = MappingProxyType({})
    refused: Tuple[str, ...] = ()

    def answers_over(self, budget: float) -> float:
        """By how much the answers are beyond what is allowed, in parts of that; 0 where they are not."""
        return _beyond(self.increase / max(budget, 1e-9)) + _beyond(self.strain)

    @property
    def scales_over(self) -> float:
        """The same of all scales together."""
        return sum(_beyond(times / ALLOWED) for times in self.noisy.values())

    def over(self, budget: float) -> float:
        return self.answers_over(budget) + self.scales_over

    def why_not(self, budget: float) -> str:
        """In words, what is beyond what is allowed."""
        over = [f"the aim's error is still {self.increase:.3f} % of the width larger, over {budget:g}"
                ] if self.increase > budget else []
        return "; ".join([*over, *(["the gate refuses it: " + "; ".join(self.refused)] if self.refused else [])])


def _beyond(share: float) -> float:
    """What of a share lies beyond 1; all of it where it is no number."""
    return 0.0 if share <= 1.0 else np.nan_to_num(share, nan=np.inf, posinf=np.inf) - 1.0


class Judge:
    """`model`: the one in FP32; `aims` (N,2): the right ones, NaN where unknown; `probes`: what the gate asks."""

    def __init__(self, model: ModelProto, card: ModelCard, pictures: Sequence[np.ndarray], aims: np.ndarray,
                 probes: Probes, weight_bits: int = 8) -> None:
        self.card, self.pictures, self.aims, self.weight_bits = card, pictures, aims, weight_bits
        self._probes, self._probed = probes, self._asked(model, probes)
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

    def cost(self, model: ModelProto, table: Table, keep: Collection[str] = ()) -> Cost:
        """Of both files that these make."""
        found = [self._cost(quantise(model, table, flavour, keep, self.weight_bits if flavour == "cpu" else 8), flavour)
                 for flavour in FLAVOURS]
        noisy = {tensor: max(one.noisy.get(tensor, 0.0) for one in found) for one in found for tensor in one.noisy}
        return Cost(max(one.increase for one in found), max(one.strain for one in found), noisy,
                    tuple(why for one in found for why in one.refused))

    def _cost(self, made: ModelProto, flavour: str) -> Cost:
        parity = gate(self._probed, self._asked(made, self._probes), self.card, self._probes, LIMITS)
        scales = noises(made.SerializeToString(), self.card, self._probes)
        refused = [f"{why} ({flavour})" for why in (*parity.why, *(one.why for one in scales)) if why]
        return Cost(self.increase(made), parity.strain(LIMITS),
                    {one.tensor: one.times for one in scales if one.times > NEAR}, tuple(refused))

    def _asked(self, model: ModelProto, probes: Probes) -> Mapping[str, np.ndarray]:
        found = answers(model, self.card, probes.pictures)
        return {name: value.reshape(len(value), -1).astype(np.float64) for name, value in found.items()}
