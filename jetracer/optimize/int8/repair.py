"""Where INT8 costs more than it may: bias correction, then cross-layer equalisation, then AdaRound, until it does not.

Each is judged as a whole, on both files, and kept only where it helps.
"""
from __future__ import annotations

from importlib.util import find_spec
from typing import Callable, Collection, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from onnx import ModelProto

from jetracer.optimize.int8.bias import correct_bias
from jetracer.optimize.int8.equalise import equalise, pairs
from jetracer.optimize.int8.graph import tidy
from jetracer.optimize.int8.quantise import WEIGHT_MOST
from jetracer.optimize.int8.table import Table
from jetracer.optimize.int8.weights import set_bias, set_weight, weighted

BUDGET = 0.2  # % of the picture's width by which the aim's mean error may rise
FRAMES = 64  # pictures that a repair looks at


class Stage(NamedTuple):
    """`increase`: of the aim's mean error after it, in % of the picture's width, of the worse of the two files."""

    name: str
    increase: float
    kept: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.increase:+.3f} %{'' if self.kept else ', which is no better: left out'}"


class State(NamedTuple):
    """`reference` answers in FP32 as the model did; `model` is what is quantised, with `table`."""

    reference: ModelProto
    model: ModelProto
    table: Table


    def in_float(self, keep: Collection[str]) -> ModelProto:
        """`model` with what layers had in the reference, where they stay in float."""
        made = tidy(self.model)
        exact = {layer.name: layer for layer in weighted(self.reference)}
        for layer in weighted(made):
            if layer.name in keep:
                set_weight(made, layer, exact[layer.name].weight)
                if layer.bias is not None:
                    was = exact[layer.name].bias
                    set_bias(made, layer, np.zeros_like(layer.bias) if was is None else was)
        return made


class Repair:
    """`inputs`: of the network, FRAMES of them; `calibrated` makes a table anew; `worst` judges model and table."""

    def __init__(self, inputs: Sequence[np.ndarray], calibrated: Callable[[ModelProto], Table],
                 worst: Callable[[ModelProto, Table], float], weight_bits: int = 8, keep: Collection[str] = (),
                 say: Callable[[str], None] = lambda name: None) -> None:
        self._inputs, self._calibrated, self._worst, self._say = inputs, calibrated, worst, say
        self._most, self._keep = WEIGHT_MOST[weight_bits], keep
        self._steps: Dict[str, Callable[[State], State]] = {
            "bias correction": self._bias, "cross-layer equalisation": self._equalise, "AdaRound": self._adaround}

    def run(self, model: ModelProto, table: Table, budget: float = BUDGET) -> Tuple[State, List[Stage]]:
        """The best state, and what was done with what effect; only the first stage where INT8 is good enough."""
        best = State(tidy(model), tidy(model), table)
        stages = [Stage("as calibrated", self._worst(best.model, table))]
        least = stages[0].increase
        for name, step in self._steps.items():
            if least <= budget or not self._possible(name, best):
                continue
            self._say(name)
            tried = step(best)
            increase = self._worst(tried.model, tried.table)
            stages.append(Stage(name, increase, increase < least))
            if increase < least:
                best, least = tried, increase
        return best, stages

    def _possible(self, name: str, state: State) -> bool:
        if name == "AdaRound":
            return find_spec("torch") is not None
        return name != "cross-layer equalisation" or bool(pairs(state.model))

    def _bias(self, state: State) -> State:
        return state._replace(model=correct_bias(state.reference, state.model, self._inputs, self._most))

    def _equalise(self, state: State) -> State:
        equal = equalise(state.reference, self._inputs)
        return self._bias(State(equal, equal, self._calibrated(equal)))

    def _adaround(self, state: State) -> State:
        from jetracer.optimize.int8.adaround import adaround

        made = adaround(state.reference, state.table, self._inputs, most=self._most, keep=self._keep)
        return self._bias(state._replace(model=made))
