"""Which layers INT8 hurts, and which few to leave in float so that it costs no more than it may."""
from __future__ import annotations

from typing import Callable, Collection, Dict, FrozenSet, List, NamedTuple, Sequence, Tuple

from onnx import ModelProto

from jetracer.core.errors import ModelError
from jetracer.optimize.count import count_layers
from jetracer.optimize.int8.graph import Graph, name_of, tidy
from jetracer.optimize.int8.judge import Cost, Judge
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.int8.scheme import activated
from jetracer.optimize.int8.table import Table
from jetracer.optimize.int8.weights import weighted
from jetracer.optimize.optimised import sized

PICTURES = 64  # that each layer is measured on
WEIGHT = 16  # 3 bytes more at some 10 GB/s, beside a multiplication in float instead of INT8 at some 50 G/s


class Sensitivity(NamedTuple):
    """`moved`: how far the aim moves in the mean with this layer alone in INT8, in % of the picture's width."""

    layer: str
    kind: str
    macs: int
    moved: float
    weights: int = 0

    @property
    def price(self) -> float:
        """What each multiplication in INT8 costs; to fetch a weight in float is as dear as WEIGHT of them."""
        return self.moved / max(self.macs + WEIGHT * self.weights, 1)


def sensitivity(model: ModelProto, table: Table, judge: Judge, watch: Callable[[str, int, int], None]
                ) -> List[Sensitivity]:
    """Every layer in INT8 alone, all others in float; in the order in which they run."""
    made = tidy(model)
    work = macs(made)
    found = []
    for at, layer in enumerate(weighted(made)):
        watch("sensitivity", at + 1, len(work))
        alone = quantise(made, table, "cpu", set(work) - {layer.name}, judge.weight_bits)
        found.append(Sensitivity(layer.name, layer.node.op_type, work[layer.name], judge.moved(alone, PICTURES),
                                 layer.weight.size))
    return found


def macs(model: ModelProto) -> Dict[str, int]:
    """Multiplications of each weighted layer of a tidy model, for one picture."""
    graph = sized(tidy(model))
    counted = {name_of(node.proto): layer.macs for node, layer in zip(graph.top, count_layers(graph))}
    return {layer.name: counted[layer.name] for layer in weighted(model)}


def around(model: ModelProto, tensors: Collection[str]) -> List[str]:
    """The weighted layers that make or read these tensors: left in float, none of them quantises one."""
    graph = Graph(model)
    return [layer.name for layer in weighted(model)
            if not {layer.data, activated(graph, layer.node)}.isdisjoint(tensors)]


def choose_float(found: Sequence[Sensitivity], cost: Callable[[FrozenSet[str]], Cost], budget: float,
                 keep: FrozenSet[str] = frozenset(), first: Sequence[str] = ()) -> Tuple[FrozenSet[str], Cost]:
    """(layers to leave in float beside `keep`, the cost then): few, by what they cost for what they save.

    `cost` judges them together. Those of `first` go first, then the dearest layer; once it is enough, whatever of them
    can go back does. Raises ModelError where even all but one do not suffice.
    """
    order = [one.layer for one in sorted(found, key=lambda one: (one.layer not in first, -one.price))
             if one.layer not in keep]
    chosen: List[str] = []
    now = cost(keep)
    for name in order[:-1]:
        if now.over(budget) == 0.0:
            break
        chosen.append(name)
        now = cost(keep | set(chosen))
    if now.over(budget) > 0.0:
        raise ModelError(f"With all layers but one in float {now.why_not(budget)}: keep the model in FP32 or FP16, or "
                         "allow more with --budget.")
    for name in sorted(chosen, key=lambda name: next(one.moved for one in found if one.layer == name)):
        fewer = [one for one in chosen if one != name]
        without = cost(keep | set(fewer)) if fewer else now
        if fewer and without.over(budget) == 0.0:
            chosen, now = fewer, without
    return keep | set(chosen), now
