"""AdaRound (Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization", arXiv:2004.10568): to
which of its two neighbours each weight is rounded is learned, layer by layer, so that the layer's answer stays.

What goes into a layer comes from the network whose earlier layers are rounded already; what should come out, from the
one in FP32 (the paper's asymmetric reconstruction), behind the activation (equation 25). Answers are compared at a few
places of every picture, which makes every layer a matrix.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Collection, List, Optional, Sequence, Tuple

import numpy as np
import torch
from onnx import ModelProto

from jetracer.optimize.int8.graph import Graph, attribute, name_of, tidy
from jetracer.optimize.int8.quantise import MOST, WEIGHT_MOST, quantise
from jetracer.optimize.int8.table import Table
from jetracer.optimize.int8.weights import Layer, set_weight, steps, weighted
from jetracer.optimize.run import flow

TRIED = 4  # of the rows every fourth is kept to try the result on
TINY = 1e-20
ZETA, GAMMA = 1.1, -0.1  # the sigmoid is stretched, so that it reaches 0 and 1 (equation 23)
Watch = Callable[[str, int, int], None]  # layer, done, of


@dataclass(frozen=True)
class AdaRoundConfig:
    """The paper's, with fewer steps and a larger rate: CPUs."""

    steps: int = 600
    batch: int = 256  # places of pictures
    places: int = 4096  # of all pictures together
    rate: float = 1e-2
    weight: float = 0.05  # of the term that makes it up or down, beside the error, which is 1 with the nearest
    warm_up: float = 0.2  # share of the steps without it
    beta: Tuple[float, float] = (20.0, 2.0)  # its exponent, from the first to the last step
    seed: int = 0


def unwatched(layer: str, done: int, total: int) -> None:
    """Progress that nobody sees."""


def adaround(model: ModelProto, table: Table, inputs: Sequence[np.ndarray], config: AdaRoundConfig = AdaRoundConfig(),
             most: int = MOST, keep: Collection[str] = (), watch: Watch = unwatched) -> ModelProto:
    """A copy of a tidy FP32 model whose weights lie on INT8's steps; quantise it with the same table.

    `inputs`: as the network takes them, some dozens. `keep`: layers that stay in float.
    """
    made = tidy(model)
    bits = next((bits for bits, limit in WEIGHT_MOST.items() if limit == most), 8)
    names = [layer.name for layer in weighted(made) if layer.name not in keep]
    for at, name in enumerate(names):
        watch(name, at, len(names))
        layer = next(layer for layer in weighted(made) if layer.name == name)
        pick = _Places(layer, -(-config.places // max(len(inputs), 1)), config.seed)
        wanted = pick.rows(model, layer.data, inputs)
        so_far = quantise(made, table, "cpu", keep, bits)
        given = pick.rows(so_far, next(one.input[0] for one in so_far.graph.node if name_of(one) == name), inputs)
        set_weight(made, layer, learned(layer, given, wanted, _activation(Graph(made), layer), config, most))
    return made


def learned(layer: Layer, given: np.ndarray, wanted: np.ndarray, activation: Optional[Tuple[float, float]],
            config: AdaRoundConfig, most: int = MOST) -> np.ndarray:
    """The layer's weights on their steps. `given`, `wanted` (P, group, K): what goes in and what should.

    An output channel keeps the nearest rounding where the learned one is no better on rows that were not learned from.
    """
    shape = (layer.group, -1, given.shape[2])  # group, its outputs, its inputs
    step = torch.from_numpy(np.broadcast_to(steps(layer.weight, most), layer.weight.shape).reshape(shape).copy())
    exact = torch.from_numpy(layer.weight.reshape(shape).copy())
    bias = torch.zeros(exact.shape[:2])
    if layer.bias is not None:
        bias = torch.from_numpy(layer.bias.reshape(exact.shape[:2]).copy())
    into, target = torch.from_numpy(given), _answers(torch.from_numpy(wanted), exact, bias, activation)

    def squared(weight: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """(rows, group, outputs)"""
        return (_answers(into[rows], weight, bias, activation) - target[rows]).square()

    torch.manual_seed(config.seed)
    order = torch.randperm(len(into))
    tried, learns = order[: len(order) // TRIED], order[len(order) // TRIED:]
    nearest = torch.round(exact / step).clamp(-most, most)
    up = _learn(exact / step, lambda number, rows: squared(number * step, rows), learns, config)
    number = torch.where((exact / step).abs() >= most - 0.01, nearest, torch.floor(exact / step) + up)
    better = squared(number * step, tried).mean(dim=0) < squared(nearest * step, tried).mean(dim=0)
    chosen = torch.where(better[..., None], number.clamp(-most, most), nearest) * step
    return chosen.numpy().reshape(layer.weight.shape)


def _learn(exact: torch.Tensor, squared: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], learns: torch.Tensor,
           config: AdaRoundConfig) -> torch.Tensor:
    """0 where a weight, in steps, goes down and 1 where it goes up."""
    low = torch.floor(exact)
    share = (exact - low).clamp(0.001, 0.999)
    slack = torch.logit((share - GAMMA) / (ZETA - GAMMA)).requires_grad_(True)
    unit = squared(torch.round(exact), learns).sum(dim=(1, 2)).mean() + TINY
    optimiser = torch.optim.Adam([slack], config.rate)
    for at in range(config.steps):
        rows = learns[torch.randint(len(learns), (config.batch,))]
        up = _up(slack)
        error = squared(low + up, rows).sum(dim=(1, 2)).mean() / unit
        loss = error + config.weight * _undecided(up, at / config.steps, config)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return (_up(slack) >= 0.5).float().detach()


def _up(slack: torch.Tensor) -> torch.Tensor:
    """0 down to 1 up."""
    return (torch.sigmoid(slack) * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0)


def _undecided(up: torch.Tensor, progress: float, config: AdaRoundConfig) -> torch.Tensor:
    """How far from 0 and 1 all are (equation 24): more and more strictly."""
    if progress < config.warm_up:
        return torch.zeros(())
    share = (progress - config.warm_up) / (1.0 - config.warm_up)
    first, last = config.beta
    return (1.0 - (2.0 * up - 1.0).abs().pow(last + (first - last) * (1.0 - share))).mean()


def _answers(into: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, activation: Optional[Tuple[float, float]]
             ) -> torch.Tensor:
    """(P, group, outputs) of what goes in (P, group, K)."""
    out = torch.einsum("pgk,gok->pgo", into, weight) + bias
    return out if activation is None else out.clamp(*activation)


def _activation(graph: Graph, layer: Layer) -> Optional[Tuple[float, float]]:
    """Where the activation behind a layer cuts, or None."""
    node = graph.only_user(layer.node.output[0])
    if node is None or node.op_type not in ("Relu", "Clip"):
        return None
    if node.op_type == "Relu":
        return 0.0, float("inf")
    ends = [graph.constant(name) if name else None for name in [*node.input[1:], "", ""][:2]]
    return tuple(other if end is None else float(end) for end, other in zip(ends, (-float("inf"), float("inf"))))


class _Places:
    """The same places of the same pictures, whichever network makes the tensor."""

    def __init__(self, layer: Layer, count: int, seed: int) -> None:
        self._layer, self._count, self._seed = layer, count, seed

    def rows(self, model: ModelProto, tensor: str, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """(P, group, K): what the layer multiplies with its weights for one answer each."""
        random = np.random.default_rng([self._seed, 0xADA])
        found: List[np.ndarray] = [self._of(row[0], random) for row in flow(model, inputs, [tensor])]
        return np.concatenate(found).astype(np.float32)

    def _of(self, value: np.ndarray, random: np.random.Generator) -> np.ndarray:
        layer = self._layer
        if layer.node.op_type != "Conv":
            rows = value.reshape(-1, 1, value.shape[-1])
        else:
            kernel, pads = layer.weight.shape[2:], attribute(layer.node, "pads", [0, 0, 0, 0])
            padded = torch.nn.functional.pad(torch.from_numpy(value), (pads[1], pads[3], pads[0], pads[2]))
            patches = torch.nn.functional.unfold(padded, kernel, attribute(layer.node, "dilations", [1, 1]), 0,
                                                 attribute(layer.node, "strides", [1, 1]))[0]
            rows = patches.T.reshape(patches.shape[1], layer.group, -1).numpy()
        chosen = random.permutation(len(rows))[: self._count]
        return rows[chosen]
