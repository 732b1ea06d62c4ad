"""Bias correction (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction",
arXiv:1906.04721, section 4.2): what rounding its weights adds to a layer's answer on average is taken off its bias.

The average is measured: every layer gets a twin with the weights' error for weights, on what really goes in.
"""
from __future__ import annotations

from typing import Dict, Iterable

import numpy as np
import onnx
from onnx import ModelProto

from jetracer.optimize.int8.graph import replace_nodes, store, tidy
from jetracer.optimize.int8.quantise import MOST, output_axis
from jetracer.optimize.int8.weights import Layer, rounded, set_bias, weighted
from jetracer.optimize.run import flow


def correct_bias(reference: ModelProto, model: ModelProto, inputs: Iterable[np.ndarray], most: int = MOST
                 ) -> ModelProto:
    """A copy of `model` whose layers, once their weights are rounded, answer on average as those of `reference` do.

    Both are tidy, with the same nodes; `inputs` are as the network takes them. Layers that cannot have a bias stay.
    """
    made = tidy(model)
    shifts = average_shifts(reference, {layer.name: rounded(layer.weight, most) for layer in weighted(made)}, inputs)
    right = {layer.name: layer.bias for layer in weighted(reference)}
    for layer in weighted(made):
        if layer.name in shifts:
            bias = right[layer.name]
            set_bias(made, layer, (0.0 if bias is None else bias) - shifts[layer.name])
    return made


def average_shifts(model: ModelProto, weights: Dict[str, np.ndarray], inputs: Iterable[np.ndarray]
                   ) -> Dict[str, np.ndarray]:
    """By layer, by how much each output channel's mean rises with other weights; what goes in stays as it is."""
    twins = onnx.ModelProto()
    twins.CopyFrom(model)
    names = {layer.name: _add_twin(twins, layer, weights[layer.name] - layer.weight) for layer in weighted(model)
             if layer.takes_bias}
    total = {name: 0.0 for name in names}
    count = 0
    for row in flow(twins, inputs, list(names.values())):
        count += 1
        for name, shift in zip(names, row):
            total[name] = total[name] + shift.reshape(-1).astype(np.float64)
    return {name: (value / max(count, 1)).astype(np.float32) for name, value in total.items()}


def _add_twin(model: ModelProto, layer: Layer, error: np.ndarray) -> str:
    """A node like the layer's, without a bias and with these weights, and the mean of each output channel behind it."""
    twin = onnx.NodeProto()
    twin.CopyFrom(layer.node)
    out = f"{layer.name}/twin"
    twin.name = twin.output[0] = out
    del twin.input[1:]
    twin.input.append(store(model, f"{out}/weight", error if output_axis(layer.node) == 0 else error.T))
    nodes = [*model.graph.node, twin]
    if layer.node.op_type == "Conv":
        nodes.append(onnx.helper.make_node("GlobalAveragePool", [out], [f"{out}/mean"], f"{out}/mean"))
    replace_nodes(model, nodes)
    return nodes[-1].output[0]
