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

from typing import Collection, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import onnx
from onnx import ModelProto, NodeProto

from jetracer.optimize.int8.graph import Graph, attribute, name_of, replace_nodes, store, tidy
from jetracer.optimize.int8.scheme import Scheme, scheme
from jetracer.optimize.int8.table import Range, Table

MOST = 127  # of s8, symmetric: -128 is left out
WEIGHT_MOST = {8: 127, 7: 63}  # by bits
BIAS_MOST = 1 << 30  # of a bias in s32, half of what it holds
TINY = 1e-12  # scale of what is always zero


class Step(NamedTuple):
    """value = (number - zero) * scale"""

    scale: np.float32
    zero: int
    kind: type  # np.int8 or np.uint8


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
    _rewrite(made, plan, steps, fresh, keep if flavour == "cpu" else (), WEIGHT_MOST[weight_bits])
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


def weight_scales(weight: np.ndarray, axis: int, most: int = MOST) -> np.ndarray:
    """float32 scale of each output channel, which lie along `axis`; `most`: the greatest number that is stored."""
    greatest = np.abs(weight).max(axis=tuple(at for at in range(weight.ndim) if at != axis))
    return np.maximum(greatest / most, TINY).astype(np.float32)


def output_axis(node: NodeProto) -> int:
    """Along which axis of a weighted node's weights its output channels lie."""
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    return 0 if node.op_type == "Conv" else 1


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
    out, image = nodes[-1].output[0], graph.inputs[0]
    if any(name_of(node) in keep for node in graph.users[out]):
        return {}
    perm = attribute(nodes[1], "perm")
    turned = onnx.helper.make_node("Transpose", [image], [f"{out}/bytes"], f"{out}/Transpose", perm=perm)
    step = Step(np.float32(scale), zero, np.uint8)
    gone = {id(node) for node in nodes}
    dequantised = _node("DequantizeLinear", f"{out}/bytes", out, _parameters(model, out, step))
    replace_nodes(model, [turned, dequantised, *(node for node in graph.nodes if id(node) not in gone)])
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


def _rewrite(model: ModelProto, plan: Scheme, steps: Dict[str, Step], fresh: List[str], keep: Collection[str],
             most: int) -> None:
    """Put Q/DQ behind the tensors of `fresh`, let their readers read that, and quantise the weights.

    `keep`: nodes that ONNX Runtime would quantise by itself, if they read what was dequantised and are read quantised.
    """
    graph, nodes = Graph(model), []
    pairs = {name: _pair(model, name, steps[name]) for name in fresh}
    for name in graph.inputs:
        nodes += pairs.get(name, [])
    layers = set(plan.layers)
    for node in graph.nodes:
        data = node.input[0] if node.input else ""
        if name_of(node) in layers:
            nodes += _quantise_weights(model, graph, node, steps[data], most)
        for at, name in enumerate(node.input):
            readers = plan.readers.get(name)
            if name in pairs and (readers is None or name_of(node) in readers):
                node.input[at] = f"{name}/dq"
                if name_of(node) in keep:  # a sum of one is what it was, and no pattern of quantised layers
                    node.input[at] = f"{name}/kept for {name_of(node)}"
                    nodes.append(onnx.helper.make_node("Sum", [f"{name}/dq"], [node.input[at]], node.input[at]))
        nodes.append(node)
        for name in node.output:
            nodes += pairs.get(name, [])
    replace_nodes(model, nodes)
    used = {name for node in nodes for name in node.input}
    kept = [entry for entry in model.graph.initializer if entry.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _pair(model: ModelProto, name: str, step: Step) -> List[NodeProto]:
    parameters = _parameters(model, name, step)
    return [_node("QuantizeLinear", name, f"{name}/q", parameters),
            _node("DequantizeLinear", f"{name}/q", f"{name}/dq", parameters)]


def _parameters(model: ModelProto, name: str, step: Step) -> List[str]:
    return [store(model, f"{name}/scale", np.array(step.scale, np.float32)),
            store(model, f"{name}/zero", np.array(step.zero, step.kind))]


def _node(kind: str, given: str, out: str, parameters: List[str], axis: Optional[int] = None) -> NodeProto:
    extra = {} if axis is None else {"axis": axis}
    return onnx.helper.make_node(kind, [given, *parameters], [out], f"{out}/{kind}", **extra)


def _quantise_weights(model: ModelProto, graph: Graph, node: NodeProto, data: Step, most: int) -> List[NodeProto]:
    """Store a node's weights as s8, and its bias as s32 where `data`, the step of what goes in, is one for the CPU."""
    weight, axis = graph.constant(node.input[1]), output_axis(node)
    scales = weight_scales(weight, axis, most)
    bias = graph.constant(node.input[2]) if len(node.input) > 2 and data.kind is np.uint8 else None
    if bias is not None:  # a channel of all but no weight and a bias: the bias has to fit into s32
        scales = np.maximum(scales, (np.abs(bias) / (BIAS_MOST * np.float64(data.scale))).astype(np.float32))
    name = f"{name_of(node)}/weight"
    shape = [-1 if at == axis else 1 for at in range(weight.ndim)]
    numbers = np.clip(np.rint(weight / scales.reshape(shape)), -most, most).astype(np.int8)
    added = [_stored(model, name, numbers, scales, axis)]
    node.input[1] = f"{name}/dq"
    if bias is not None:
        name = f"{name_of(node)}/bias"
        scales = scales * data.scale
        added.append(_stored(model, name, np.rint(bias / scales.astype(np.float64)).astype(np.int32), scales, 0))
        node.input[2] = f"{name}/dq"
    return added


def _stored(model: ModelProto, name: str, numbers: np.ndarray, scales: np.ndarray, axis: int) -> NodeProto:
    parameters = [store(model, f"{name}/scale", scales),
                  store(model, f"{name}/zero", np.zeros(len(scales), numbers.dtype))]
    return _node("DequantizeLinear", store(model, f"{name}/q", numbers), f"{name}/dq", parameters, axis)
