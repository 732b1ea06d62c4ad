"""INT8 that costs no more than it may: as it is where that suffices, else repaired, else with a few layers in float."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Tuple

import numpy as np
from onnx import ModelProto

from jetracer.core.errors import ModelError
from jetracer.engine.card import ModelCard
from jetracer.optimize.int8.calibrators import calibrate
from jetracer.optimize.int8.frames import Picked
from jetracer.optimize.int8.judge import Judge
from jetracer.optimize.int8.repair import BUDGET, FRAMES, Repair, Stage, State
from jetracer.optimize.int8.sensitivity import Sensitivity, choose_float, sensitivity
from jetracer.optimize.int8.table import Table
from jetracer.optimize.run import prepared

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Within:
    """What to quantise, and how it came to that. `increase`: of the aim's mean error, in % of the picture's width."""

    model: ModelProto
    table: Table
    keep: FrozenSet[str]
    stages: Tuple[Stage, ...]
    increase: float
    layers: Tuple[Sensitivity, ...] = ()  # where they were measured
    why_not: str = ""  # the budget is not met

    @property
    def repairs(self) -> List[str]:
        return [stage.name for stage in self.stages[1:] if stage.kept]

    def told(self) -> List[str]:
        """In words, what was done; nothing where nothing was."""
        told = [f"INT8 costs {'; '.join(map(str, self.stages))}"] if len(self.stages) > 1 else []
        if self.layers and self.keep:
            told.append(f"in float stay {', '.join(sorted(self.keep))}: the aim's error rises by {self.increase:.3f} % "
                        "of the width")
        return [*told, *([self.why_not] if self.why_not else [])]

    def details(self) -> Dict[str, Any]:
        """JSON-ready."""
        return {"increase_percent": round(self.increase, 4), "repairs": [stage._asdict() for stage in self.stages],
                "sensitivity": [one._asdict() for one in self.layers], "within_budget": not self.why_not}


@dataclass(frozen=True)
class Budget:
    """`percent`: of the picture's width by which the aim's mean error may rise; `measure`: every layer, in any case."""

    percent: float = BUDGET
    measure: bool = False
    method: str = "percentile"
    keep: FrozenSet[str] = frozenset()
    weight_bits: int = 8


def within_budget(model: ModelProto, card: ModelCard, table: Table, chosen: Picked, compared: Picked, budget: Budget,
                  watch: Watch) -> Within:
    """`chosen`: frames that calibrated; `compared`: others, on which it is judged. `watch` hears what is being done."""
    judge = Judge(model, card, list(compared.pictures()), compared.aims(), budget.weight_bits)

    def every() -> Iterator[np.ndarray]:
        return prepared(card, chosen.pictures())

    some = chosen.frames[:: max(1, len(chosen) // FRAMES)][:FRAMES]
    few = Picked(some, chosen.source, {})
    inputs = [np.array(one) for one in prepared(card, few.pictures())]
    repair = Repair(inputs, lambda graph: calibrate(graph, every(), budget.method),
                    lambda graph, ranges: judge.worst(graph, ranges, budget.keep), budget.weight_bits, budget.keep,
                    lambda name: watch(name, 1, 1))
    state, stages = repair.run(model, table, budget.percent)
    increase = min(stage.increase for stage in stages)
    layers = sensitivity(state.model, state.table, judge, watch) if budget.measure or increase > budget.percent else []
    keep, why_not = budget.keep, ""
    if increase > budget.percent:
        keep, increase, why_not = _mixed(state, judge, layers, budget, increase)
    return Within(state.in_float(keep), state.table, keep, tuple(stages), increase, tuple(layers), why_not)


def _mixed(state: State, judge: Judge, layers: List[Sensitivity], budget: Budget, increase: float
           ) -> Tuple[FrozenSet[str], float, str]:
    """(layers in float, the increase then, why it is not enough)."""
    try:
        return (*choose_float(layers, lambda keep: judge.worst(state.in_float(keep), state.table, keep),
                              budget.percent, budget.keep), "")
    except ModelError as error:
        return budget.keep, increase, str(error).rstrip(".")
