"""INT8 that costs no more than it may and passes the gate: as it is where it does, else repaired, else with a few
layers in float.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Collection, Dict, FrozenSet, List, Tuple

import numpy as np
from onnx import ModelProto

from jetracer.core.errors import ModelError
from jetracer.engine.card import ModelCard
from jetracer.engine.parity import Probes
from jetracer.engine.scales import ALLOWED
from jetracer.optimize.int8.calibrators import calibrate
from jetracer.optimize.int8.frames import Picked
from jetracer.optimize.int8.judge import Cost, Judge
from jetracer.optimize.int8.repair import BUDGET, FRAMES, RANGES, Repair, Stage, State
from jetracer.optimize.int8.sensitivity import Sensitivity, around, choose_float, sensitivity
from jetracer.optimize.int8.table import Table
from jetracer.optimize.run import prepared

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Within:
    """What to quantise, `model` with `table`, and how it came to that; `cost` in the end.

    `given`: the table of the model as it was given, which is not `table` where the model was equalised.
    """

    model: ModelProto
    table: Table
    given: Table
    keep: FrozenSet[str]
    stages: Tuple[Stage, ...]
    cost: Cost
    quiet: FrozenSet[str] = frozenset()  # tensors with the range of least noise
    layers: Tuple[Sensitivity, ...] = ()  # where they were measured
    why_not: str = ""  # the budget is not met, or the gate refuses it

    @property
    def repairs(self) -> List[str]:
        """Of the weights: those of ranges are in the table."""
        return [stage.name for stage in self.stages[1:] if stage.kept and stage.name != RANGES]

    def told(self) -> List[str]:
        """In words, what was done; nothing where nothing was."""
        told = [f"INT8 costs {'; '.join(map(str, self.stages))}"] if len(self.stages) > 1 else []
        if self.quiet:
            told.append(f"{', '.join(sorted(self.quiet))} got the range that made the least noise on the calibration "
                        "frames: the one by the method made too much on the gate's")
        if self.layers and self.keep:
            told.append(f"in float stay {', '.join(sorted(self.keep))}: the aim's error rises by "
                        f"{self.cost.increase:.3f} % of the width")
        return [*told, *([self.why_not] if self.why_not else [])]

    def details(self) -> Dict[str, Any]:
        """JSON-ready."""
        return {"increase_percent": round(self.cost.increase, 4), "repairs": [stage.record() for stage in self.stages],
                "least_noise": sorted(self.quiet), "refused": list(self.cost.refused),
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
                  probes: Probes, watch: Watch) -> Within:
    """`chosen`: frames that calibrated; `compared`: others, on which it is judged; `probes`: those of the gate.

    `watch` hears what is being done.
    """
    judge = Judge(model, card, list(compared.pictures()), compared.aims(), probes, budget.weight_bits)

    def calibrated(graph: ModelProto, quiet: Collection[str]) -> Table:
        return calibrate(graph, prepared(card, chosen.pictures()), budget.method, quiet=quiet)

    repair = Repair(_some(card, chosen), calibrated, lambda graph, ranges: judge.cost(graph, ranges, budget.keep),
                    budget.weight_bits, budget.keep, lambda name: watch(name, 1, 1))
    state, stages = repair.run(model, table, budget.percent)
    cost = next(stage.cost for stage in reversed(stages) if stage.kept)
    enough = cost.over(budget.percent) == 0.0
    layers = [] if enough and not budget.measure else sensitivity(state.model, state.table, judge, watch)
    keep, why_not = budget.keep, ""
    if not enough:
        keep, cost, why_not = _mixed(state, judge, layers, budget, cost)
    return Within(state.in_float(keep), state.table, state.given, keep, tuple(stages), cost, state.quiet, tuple(layers),
                  why_not)


def _some(card: ModelCard, chosen: Picked) -> List[np.ndarray]:
    """What repairs look at, as the network takes it."""
    frames = chosen.frames[:: max(1, len(chosen) // FRAMES)][:FRAMES]
    return [np.array(one) for one in prepared(card, Picked(frames, chosen.source, {}).pictures())]


def _mixed(state: State, judge: Judge, layers: List[Sensitivity], budget: Budget, cost: Cost
           ) -> Tuple[FrozenSet[str], Cost, str]:
    """(layers in float, the cost then, why it is not enough)."""
    first = around(state.model, [tensor for tensor, times in cost.noisy.items() if times > ALLOWED])
    try:
        return (*choose_float(layers, lambda keep: judge.cost(state.in_float(keep), state.table, keep),
                              budget.percent, budget.keep, first), "")
    except ModelError as error:
        return budget.keep, cost, str(error).rstrip(".")
