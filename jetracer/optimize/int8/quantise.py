"""Explicit Q/DQ in an FP32 graph, from one table, in two flavours.

    tensorrt   s8 symmetric activations, bias in float, the camera's bytes through Cast and Transpose as they are
    cpu        u8 asymmetric activations, bias as s32, the camera's bytes straight in where their normalisation is
               (byte - whole number) * scale: no float is made of them at all

Weights are s8, symmetric, with a scale for each output channel, -127 to 127. A weight that lies on that grid stays as
it is, so whoever wants another rounding (AdaRound) moves the FP32 weights onto it first.

An x86 CPU without VNNI adds pairs of products in 16 bits, which full-range weights overflow: ONNX Runtime then takes a
slower kernel (told to, see `engine/onnx_runtime.py`), OpenVINO and others may answer wrongly. Weights of 7 bits, -63 to
63, fit, and run on the fast one.

Both flavours are ruled by what was found: ONNX Runtime leaves s8 activations and unquantised biases in float on x86;
TensorRT takes neither s32 biases nor zero points. The answer depends on model, table, flavour and keep alone.
"""
from __future__ import annotations

from typing import Collection, Dict, List, Optional, Tuple

import numpy as np
import onnx
from onnx import ModelProto, NodeProto

from jetracer.optimize.int8.graph import Graph, attribute, name_of, replace_nodes, store, tidy
from jetracer.optimize.int8.rewrite import MOST, TINY, Rewriter, Step, output_axis, weight_scales
from jetracer.optimize.int8.scheme import Scheme, scheme
from jetracer.optimize.int8.slim import slim
from jetracer.optimize.int8.table import Range, Table

__all__ = ["MOST", "WEIGHT_MOST", "Step", "output_axis", "quantise", "step_of", "weight_scales"]
WEIGHT_MOST = {8: 127, 7: 63}  # by bits


def quantise(model: ModelProto, table: Table, flavour: str, keep: Collection[str] = (), weight_bits: int = 8
             ) -> ModelProto:
    """A quantised copy of the FP32 `model`, with its metadata as it was; nodes named in `keep` stay float.

    `weight_bits`: 8, or 7 for CPUs that need it (see above). Raises ModelError when the table is of another model,
    ConfigError or UnknownName for a wrong flavour or name.
    """
    made = tidy(model)
    plan = scheme(made, flavour, keep)
    steps: Dict[str, Step] = {}
    if flavour == "cpu":
        steps.update(_take_bytes(made, plan, keep))
    table.check(sorted({name for name in plan.source.values() if name not in steps}))
    fresh = [name for name in plan.source if name not in steps]
    graph = Graph(made)
    for name in fresh:
        source = plan.source[name]
        steps[name] = steps.get(source) or step_of(_possible(graph, source, table.ranges.get(source)), flavour)
    Rewriter(made, plan, steps, WEIGHT_MOST[weight_bits]).rewrite(fresh, keep if flavour == "cpu" else ())
    slim(made)
    made.producer_name = "jetracer"
    onnx.checker.check_model(made)
    return made


def step_of(found: Range, flavour: str) -> Step:
    """Scale and zero of a range; zero itself is always a whole number of steps, for padding and ReLU."""
    if flavour == "tensorrt":
        return Step(np.float32(max(found.most / MOST, TINY)), 0, np.int8)
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    scale = np.float32(max((high - low) / 255.0, TINY))
    if low == 0.0 and scale * np.float32(255) > np.float32(high) > 0.0:
        scale = np.nextafter(scale, np.float32(0))  # else ONNX Runtime keeps a Clip whose end this would pass
    return Step(scale, int(np.clip(np.rint(-low / scale), 0, 255)), np.uint8)


def _possible(graph: Graph, name: str, found: Range) -> Range:
    """The range less what its maker cannot give: a symmetric table says -6..6 of what is never below 0."""
    maker = graph.maker.get(name)
    if maker is None or maker.op_type not in ("Relu", "Clip", "Sigmoid", "HardSigmoid"):
        return found
    ends = (0.0, np.inf)
    if maker.op_type == "Clip":
        given = [graph.constant(one) if one else None for one in [*maker.input[1:], "", ""][:2]]
        ends = tuple(other if one is None else float(one) for one, other in zip(given, (-np.inf, np.inf)))
    return Range(max(found.low, ends[0]), min(found.high, ends[1]))


def _take_bytes(model: ModelProto, plan: Scheme, keep: Collection[str]) -> Dict[str, Step]:
    """Let bytes in without making floats of them; the tensor that holds the normalised pixels, with its step.

    Recognised: uint8 input, Cast, Transpose, then optionally Sub and Mul by one whole number and one scale.
    """
    graph = Graph(model)
    chain = _normalisation(graph)
    if not chain:
        return {}
    nodes, scale, zero = chain
    out = nodes[-1].output[0]
    if any(name_of(node) in keep for node in graph.users[out]):
        return {}
    step = Step(np.float32(scale), zero, np.uint8)
    turned = onnx.helper.make_node("Transpose", [graph.inputs[0]], [f"{out}/bytes"], perm=attribute(nodes[1], "perm"))
    parameters = [store(model, f"{out}/scale", np.array(step.scale)),
                  store(model, f"{out}/zero", np.array(zero, step.kind))]
    floats = onnx.helper.make_node("DequantizeLinear", [f"{out}/bytes", *parameters], [out])
    gone = {id(node) for node in nodes}
    replace_nodes(model, [turned, floats, *(node for node in graph.nodes if id(node) not in gone)])
    plan.source[out] = out
    return {out: step}


def _normalisation(graph: Graph) -> Optional[Tuple[List[NodeProto], float, int]]:
    """(nodes, scale, zero) of the way from the camera's bytes to the pixels that the first layer takes, or None."""
    entry = graph.model.graph.input[0].type.tensor_type
    nodes, tensor = [], graph.inputs[0]
    for wanted in ("Cast", "Transpose"):
        node = graph.only_user(tensor)
        if node is None or node.op_type != wanted or entry.elem_type != onnx.TensorProto.UINT8:
            return None
        nodes.append(node)
        tensor = node.output[0]
    zero, scale = 0.0, 1.0
    for wanted in ("Sub", "Mul"):
        node = graph.only_user(tensor)
        value = graph.constant(node.input[1]) if node is not None and node.op_type == wanted else None
        if value is None:
            continue
        if value.size != 1:
            return None
        zero, scale = (float(value.ravel()[0]), scale) if wanted == "Sub" else (zero, float(value.ravel()[0]))
        nodes.append(node)
        tensor = node.output[0]
    exact = zero == round(zero) and 0 <= zero <= 255 and scale > 0
    return (nodes, scale, round(zero)) if exact else None
