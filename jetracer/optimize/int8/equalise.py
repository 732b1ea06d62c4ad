"""Cross-layer equalisation (Nagel et al. 2019, arXiv:1906.04721, section 4.1): a channel that is far louder than the
others takes their steps away; halving it in one layer and doubling what the next one makes of it changes no answer.

The paper equalises the weights of both layers, which had one scale each. Here weights have a scale for each output
channel, so the louder of two unequal things are the activations between the layers, which have one scale, and the next
layer's weights. A channel is divided by sqrt(r1 / r2): r1 the largest activation that was seen in it, r2 the next
layer's largest weight for it. Both become sqrt(r1 r2).
"""
from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional

import numpy as np
from onnx import ModelProto

from jetracer.optimize.int8.graph import Graph, tidy
from jetracer.optimize.int8.weights import Layer, set_bias, set_weight, weighted
from jetracer.optimize.run import flow

LINEAR = ("Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten")  # f(s x) = s f(x) for s > 0
ROUNDS, SETTLED = 20, 1.01  # a chain of layers is gone through again until no factor is larger
MOST = 1e4  # of a factor: a channel that is all but silent stays so


class Pair(NamedTuple):
    """Two layers with nothing but linear nodes between; `spread`: inputs of `second` for each channel of `first`."""

    first: str
    second: str
    spread: int


def equalise(model: ModelProto, inputs: Iterable[np.ndarray]) -> ModelProto:
    """A copy of a tidy model that answers the same, with equalised channels; see `pairs` for which.

    Its tensors have other ranges: calibrate anew.
    """
    made = tidy(model)
    found = pairs(made)
    if not found:
        return made
    every = {layer.name: layer for layer in weighted(made)}
    peaks = _peaks(made, [every[pair.second].data for pair in found], inputs)
    loud = {pair: peaks[every[pair.second].data].reshape(-1, pair.spread).max(axis=1) for pair in found}
    for _ in range(ROUNDS):
        moved = 1.0
        for pair in found:
            factors = _factors(loud[pair], by_input(every[pair.second], pair.spread))
            every[pair.first] = _divided(every[pair.first], factors)
            every[pair.second] = _multiplied(every[pair.second], np.repeat(factors, pair.spread))
            loud[pair] = loud[pair] / factors
            moved = max(moved, float(np.exp(np.abs(np.log(factors)).max())))
        if moved <= SETTLED:
            break
    for layer in every.values():
        set_weight(made, layer, layer.weight)
        if layer.bias is not None:
            set_bias(made, layer, layer.bias)
    return made


def pairs(model: ModelProto) -> List[Pair]:
    """Layers whose answer goes to one other layer alone, through nodes that keep a factor a factor."""
    graph = Graph(model)
    every = {id(layer.node): layer for layer in weighted(model)}
    by_name = {layer.name: layer for layer in every.values()}
    found = []
    for layer in by_name.values():
        node = graph.only_user(layer.node.output[0])
        while node is not None and node.op_type in LINEAR:
            node = graph.only_user(node.output[0])
        second = next((one for one in by_name.values() if one.node is node), None)
        spread = _spread(layer, second)
        if spread:
            found.append(Pair(layer.name, second.name, spread))
    return found


def _spread(first: Layer, second: Optional[Layer]) -> int:
    """Inputs of the second layer for each output channel of the first; 0 where they do not fit together so."""
    kinds = ("Conv", "Gemm")
    if second is None or first.node.op_type not in kinds or second.node.op_type not in kinds:
        return 0
    inputs = second.weight.shape[1] * second.group
    return inputs // len(first.weight) if inputs % len(first.weight) == 0 else 0


def by_input(layer: Layer, spread: int = 1) -> np.ndarray:
    """The largest magnitude of a layer's weights for each channel that goes in, `spread` inputs making one channel."""
    grouped = np.abs(layer.weight).reshape(layer.group, -1, *layer.weight.shape[1:])  # group, its outputs, its inputs
    most = grouped.max(axis=(1, *range(3, grouped.ndim)))
    return most.reshape(-1, spread).max(axis=1)


def _factors(loud: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What to divide each channel by; 1 where nothing goes through."""
    idle = (loud <= 0.0) | (weights <= 0.0)
    factors = np.sqrt(np.where(idle, 1.0, loud) / np.where(idle, 1.0, weights))
    middle = np.exp(np.log(factors[~idle]).mean()) if not idle.all() else 1.0
    return np.where(idle, 1.0, np.clip(factors, middle / MOST, middle * MOST)).astype(np.float32)


def _divided(layer: Layer, factors: np.ndarray) -> Layer:
    weight = layer.weight / factors.reshape(-1, *[1] * (layer.weight.ndim - 1))
    return layer._replace(weight=weight, bias=None if layer.bias is None else layer.bias / factors)


def _multiplied(layer: Layer, factors: np.ndarray) -> Layer:
    grouped = layer.weight.reshape(layer.group, -1, *layer.weight.shape[1:])
    lying = factors.reshape(layer.group, 1, -1, *[1] * (layer.weight.ndim - 2))
    return layer._replace(weight=(grouped * lying).reshape(layer.weight.shape))


def _peaks(model: ModelProto, names: List[str], inputs: Iterable[np.ndarray]) -> Dict[str, np.ndarray]:
    """The largest magnitude in each channel (C,) of the tensors `names`, which have it second."""
    most = {name: np.zeros(1, np.float32) for name in names}
    for row in flow(model, inputs, names):
        for name, value in zip(names, row):
            channels = np.abs(value).reshape(value.shape[1], -1).max(axis=1)
            most[name] = np.maximum(most[name], channels)
    return most
