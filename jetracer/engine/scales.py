"""Are the scales of a quantised model right? A tensor's scale that is far off may hardly show in a few answers.

Each activation that a model quantises is looked at by itself: how much noise does its scale make, beside the best one
for the very same values? A scale 4 times too wide loses two bits, one that is too narrow cuts off; a calibration on
other pictures loses less than one.
"""
from __future__ import annotations

import math
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from jetracer.engine.card import ModelCard
from jetracer.engine.onnx_graph import Graph, Node, Port
from jetracer.engine.onnx_run import run_onnx
from jetracer.engine.parity import Probes

ALLOWED = 2.4  # times the noise of the best scale: one bit is 2, two are 4
PICTURES, VALUES = 12, 60_000  # that many of the driving ones, and of a tensor's values in them
_CUTS = np.exp2(-np.arange(25) / 4.0)  # the scales tried, down from one that cuts nothing off


class Scale(NamedTuple):
    step: float
    zero: int
    low: int
    high: int

    def noise(self, values: np.ndarray) -> float:
        """Root of the mean squared error that rounding and cutting make."""
        numbers = np.clip(np.rint(values / self.step) + self.zero, self.low, self.high)
        return float(np.sqrt(np.mean(((numbers - self.zero) * self.step - values) ** 2)))


class Noise(NamedTuple):
    """Of one activation: how many times the noise of its best scale; infinite, and why, where that cannot be told."""

    tensor: str
    times: float
    unclear: str = ""

    @property
    def why(self) -> str:
        """Why that must not be, in a sentence; empty where it may."""
        if self.unclear or self.times <= ALLOWED:
            return self.unclear
        return (f"the scale of {self.tensor} makes {self.times:.1f} times the noise of the best one, allowed "
                f"{ALLOWED:g}: calibrate it again")


def wrong_scales(model: bytes, card: ModelCard, probes: Probes) -> Tuple[str, ...]:
    """A sentence for each activation of an ONNX file whose scale is far off; none for one without Q/DQ."""
    return tuple(filter(None, (found.why for found in noises(model, card, probes))))


def noises(model: bytes, card: ModelCard, probes: Probes) -> List[Noise]:
    """Of each activation that an ONNX file quantises."""
    graph = Graph(model)
    nodes = [node for node in graph.nodes if node.op == "QuantizeLinear" and graph.constant(node.inputs[0]) is None]
    values = _values(graph, card, [node.inputs[0] for node in nodes], probes) if nodes else {}
    return [_noise(graph, node, values[node.inputs[0]]) for node in nodes]


def _noise(graph: Graph, node: Node, values: np.ndarray) -> Noise:
    tensor, scale = node.inputs[0], _scale(graph, node)
    if scale is None:
        return Noise(tensor, math.inf, f"the scale of {tensor} is no single constant number, so it cannot be checked")
    if not np.isfinite(values).all():
        return Noise(tensor, math.inf, f"{tensor} is not a number")
    return Noise(tensor, excess(scale, values))


def excess(scale: Scale, values: np.ndarray) -> float:
    """The noise of a scale in parts of that of the best scale for these values; 1 where there is nothing in them."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if high - low == 0.0:
        return 1.0
    span = scale.high - scale.low
    if scale.zero == 0 and scale.low < 0:
        best = min(Scale(max(-low, high) * cut / scale.high, 0, scale.low, scale.high).noise(values) for cut in _CUTS)
    else:
        steps = [(high - low) * cut / span for cut in _CUTS]
        best = min(Scale(step, scale.low + round(-low * cut / step), scale.low, scale.high).noise(values)
                   for step, cut in zip(steps, _CUTS))
    floor = 1e-6 * float(np.abs(values).max())  # values that lie on a grid already have no noise of their own
    return scale.noise(values) / max(best, floor)


def _scale(graph: Graph, node: Node) -> Optional[Scale]:
    """None where it is not one positive number."""
    step = graph.constant(node.inputs[1])
    zero = graph.constant(node.inputs[2]) if len(node.inputs) > 2 else np.zeros(1, np.uint8)
    if step is None or zero is None or step.size != 1 or not 0.0 < float(step.reshape(-1)[0]) < math.inf:
        return None
    limits = np.iinfo(zero.dtype)
    return Scale(float(step.reshape(-1)[0]), int(zero.reshape(-1)[0]), int(limits.min), int(limits.max))


def _values(graph: Graph, card: ModelCard, names: List[str], probes: Probes) -> Dict[str, np.ndarray]:
    """What the model itself has in these tensors, before they are quantised."""
    prepare = probes.prepare(card)
    inner = [name for name in dict.fromkeys(names) if name not in graph.inputs]
    taken: Dict[str, List[np.ndarray]] = {name: [] for name in names}
    every = max(1, probes.driving // PICTURES)
    with run_onnx(graph.marked(Port(name) for name in inner)) as infer:
        for picture in probes.pictures[:probes.driving:every]:
            given = {card.input.name: prepare(picture)}
            answer = {**infer(given), **given}
            for name, parts in taken.items():
                flat = np.asarray(answer[name], np.float64).reshape(-1)
                parts.append(flat[::max(1, flat.size * PICTURES // VALUES)])
    return {name: np.concatenate(parts) for name, parts in taken.items()}
