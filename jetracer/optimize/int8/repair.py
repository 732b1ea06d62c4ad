"""Where INT8 costs more than it may, or the gate refuses it: least-noise ranges, bias correction, cross-layer
equalisation, then AdaRound, until it does not.

Each is judged as a whole, on both files, by the budget and by the gate, and kept only where it helps.
"""
from __future__ import annotations

from importlib.util import find_spec
from typing import Callable, Collection, Dict, FrozenSet, List, NamedTuple, Sequence, Tuple

import numpy as np
from onnx import ModelProto

from jetracer.optimize.int8.bias import correct_bias
from jetracer.optimize.int8.equalise import equalise, pairs
from jetracer.optimize.int8.graph import tidy
from jetracer.optimize.int8.judge import Cost
from jetracer.optimize.int8.quantise import WEIGHT_MOST
from jetracer.optimize.int8.table import Table
from jetracer.optimize.int8.weights import set_bias, set_weight, weighted

BUDGET = 0.2  # % of the picture's width by which the aim's mean error may rise
FRAMES = 64  # pictures that a repair looks at
RANGES = "least-noise ranges"  # the one step that changes the table and no weight


class Stage(NamedTuple):
    """What INT8 costs after it."""

    name: str
    cost: Cost
    kept: bool = True

    def __str__(self) -> str:
        refused = f", refused by the gate for {len(self.cost.refused)} reasons" if self.cost.refused else ""
        return f"{self.name}: {self.cost.increase:+.3f} %{refused}{'' if self.kept else '; no better, left out'}"

    def record(self) -> Dict[str, object]:
        """JSON-ready."""
        return {"name": self.name, "increase": round(self.cost.increase, 4), "refused": list(self.cost.refused),
                "kept": self.kept}


class State(NamedTuple):
    """`reference` answers in FP32 as the model did; `model` is what is quantised, with `table`.

    `given`: the table of the model as it was given; `quiet`: tensors of it whose range is the one of least noise.
    """

    reference: ModelProto
    model: ModelProto
    table: Table
    given: Table
    quiet: FrozenSet[str] = frozenset()

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
    """`inputs`: of the network, FRAMES of them; `calibrated` makes a table anew, with least-noise ranges for the
    tensors named; `cost` judges model and table.
    """

    def __init__(self, inputs: Sequence[np.ndarray], calibrated: Callable[[ModelProto, Collection[str]], Table],
                 cost: Callable[[ModelProto, Table], Cost], weight_bits: int = 8, keep: Collection[str] = (),
                 say: Callable[[str], None] = lambda name: None) -> None:
        self._inputs, self._calibrated, self._cost, self._say = inputs, calibrated, cost, say
        self._most, self._keep = WEIGHT_MOST[weight_bits], keep
        self._steps: Dict[str, Callable[[State, Cost], State]] = {
            RANGES: self._ranges, "bias correction": self._bias, "cross-layer equalisation": self._equalise,
            "AdaRound": self._adaround}

    def run(self, model: ModelProto, table: Table, budget: float = BUDGET) -> Tuple[State, List[Stage]]:
        """The best state, and what was done with what effect; only the first stage where INT8 is good enough."""
        best = State(tidy(model), tidy(model), table, table)
        least = self._cost(best.model, table)
        stages = [Stage("as calibrated", least)]
        for name, step in self._steps.items():
            if not self._helps(name, best, least, budget):
                continue
            self._say(name)
            tried = step(best, least)
            cost = self._cost(tried.model, tried.table)
            better = cost.scales_over < least.scales_over if name == RANGES else cost.over(budget) < least.over(budget)
            stages.append(Stage(name, cost, better))
            if better:
                best, least = tried, cost
        return best, stages

    def _helps(self, name: str, state: State, cost: Cost, budget: float) -> bool:
        """Ranges mend scales, all others mend answers."""
        if name == RANGES:
            return cost.scales_over > 0.0
        if cost.answers_over(budget) == 0.0 or (name == "AdaRound" and find_spec("torch") is None):
            return False
        return name != "cross-layer equalisation" or bool(pairs(state.model))

    def _ranges(self, state: State, cost: Cost) -> State:
        quiet = frozenset(cost.noisy)
        table = state.table.but(self._calibrated(state.model, quiet), quiet)
        return state._replace(table=table, given=table, quiet=quiet)

    def _bias(self, state: State, cost: Cost) -> State:
        return self._unbiased(state)

    def _unbiased(self, state: State) -> State:
        return state._replace(model=correct_bias(state.reference, state.model, self._inputs, self._most))

    def _equalise(self, state: State, cost: Cost) -> State:
        equal = equalise(state.reference, self._inputs)
        table = self._calibrated(equal, state.quiet)
        return self._unbiased(state._replace(reference=equal, model=equal, table=table))

    def _adaround(self, state: State, cost: Cost) -> State:
        from jetracer.optimize.int8.adaround import adaround

        made = adaround(state.reference, state.table, self._inputs, most=self._most, keep=self._keep)
        return self._unbiased(state._replace(model=made))
