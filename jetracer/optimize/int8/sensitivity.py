"""Which layers INT8 hurts, and which few to leave in float so that it costs no more than it may."""
from __future__ import annotations

from math import prod
from typing import Callable, FrozenSet, List, NamedTuple, Sequence, Tuple

import onnx
from onnx import ModelProto

from jetracer.core.errors import ModelError
from jetracer.optimize.int8.graph import tidy
from jetracer.optimize.int8.judge import Judge
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.int8.table import Table
from jetracer.optimize.int8.weights import weighted

PICTURES = 64  # that each layer is measured on


class Sensitivity(NamedTuple):
    """`moved`: how far the aim moves in the mean with this layer alone in INT8, in % of the picture's width."""

    layer: str
    kind: str
    macs: int
    moved: float

    @property
    def price(self) -> float:
        """What each multiplication that is done in INT8 costs."""
        return self.moved / max(self.macs, 1)


def sensitivity(model: ModelProto, table: Table, judge: Judge, watch: Callable[[str, int, int], None]
                ) -> List[Sensitivity]:
    """Every layer in INT8 alone, all others in float; in the order in which they run."""
    made = tidy(model)
    work = macs(made)
    found = []
    for at, layer in enumerate(weighted(made)):
        watch("sensitivity", at + 1, len(work))
        alone = quantise(made, table, "cpu", set(work) - {layer.name}, judge.weight_bits)
        found.append(Sensitivity(layer.name, layer.node.op_type, work[layer.name], judge.moved(alone, PICTURES)))
    return found


def macs(model: ModelProto) -> dict:
    """Multiplications of each weighted layer of a tidy model, for one picture."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
              for value in [*graph.value_info, *graph.output]}
    return {layer.name: layer.weight.size * prod(shapes.get(layer.node.output[0], [1])) // len(layer.weight)
            for layer in weighted(model)}


def choose_float(found: Sequence[Sensitivity], increase: Callable[[FrozenSet[str]], float], budget: float,
                 keep: FrozenSet[str] = frozenset()) -> Tuple[FrozenSet[str], float]:
    """(layers to leave in float beside `keep`, the increase then): few, by what they cost for what they save.

    `increase` judges them together. The dearest layer goes first; once it is enough, whatever of them can go back does.
    Raises ModelError where even all but one do not suffice.
    """
    order = [one.layer for one in sorted(found, key=lambda one: -one.price) if one.layer not in keep]
    chosen: List[str] = []
    now = increase(keep)
    for name in order[:-1]:
        if now <= budget:
            break
        chosen.append(name)
        now = increase(keep | set(chosen))
    if now > budget:
        raise ModelError(f"With all layers but one in float the aim's error is still {now:.3f} % of the width larger, "
                         f"over {budget:g}: keep the model in FP32 or FP16, or allow more with --budget.")
    for name in sorted(chosen, key=lambda name: next(one.moved for one in found if one.layer == name)):
        fewer = increase(keep | set(chosen) - {name}) if len(chosen) > 1 else budget + 1.0
        if fewer <= budget:
            chosen.remove(name)
            now = fewer
    return keep | set(chosen), now
