"""Which tensors of a graph are quantised, for whom. Nothing is changed here.

**cpu** (ONNX Runtime, OpenVINO): a layer runs in INT8 when all that goes in and what comes out is quantised, so every
tensor between quantised layers is, and all its readers see it rounded.

**tensorrt**: only what goes into weighted layers is quantised, and of a residual addition the input that is added: the
other comes out of a convolution, which then adds, activates and rounds in one kernel, all INT8. Were both quantised the
addition would be a kernel of its own (NVIDIA, TensorRT developer guide, "Q/DQ placement": "quantize the residual
input in skip-connections"; TensorFlow quantisation toolkit, ResNetV1QDQCase).

What no quantised layer comes after stays float: the last layer's answer, a score before its softmax.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Collection, Dict, FrozenSet, List, Optional, Set, Tuple

from onnx import ModelProto, NodeProto

from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown
from jetracer.optimize.int8.graph import Graph, attribute, name_of

WEIGHTED = ("Conv", "Gemm", "MatMul")
JOINT = ("Add", "Concat", "AveragePool", "GlobalAveragePool")  # run in INT8 when all that goes in is INT8
PASSING = ("MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Resize")  # change no value
ACTIVATIONS = ("Relu", "Clip")  # the rounding behind them cuts as they do
FLAVOURS = ("cpu", "tensorrt")


@dataclass(frozen=True)
class Scheme:
    """`source`: each quantised tensor -> the one whose range it has, itself mostly; `layers`: nodes that are quantised.

    `readers`: of each tensor, the names of the nodes that read it quantised; None for all.
    """

    source: Dict[str, str]
    layers: Tuple[str, ...]
    readers: Dict[str, Optional[FrozenSet[str]]] = field(default_factory=dict)


def scheme(model: ModelProto, flavour: str, keep: Collection[str] = ()) -> Scheme:
    """What to quantise of a tidy model; nodes named in `keep` stay float. Raises UnknownName, ConfigError."""
    if flavour not in FLAVOURS:
        raise unknown("flavour", flavour, FLAVOURS)
    graph = Graph(model)
    known = {name_of(node) for node in graph.nodes}
    for name in keep:
        if name not in known:
            raise unknown("node", name, known)
    chosen = [node for node in graph.nodes if _has_weights(graph, node) and name_of(node) not in keep]
    if not chosen:
        raise ConfigError("No layer is left to quantise; keep fewer in float.")
    return (_cpu if flavour == "cpu" else _tensorrt)(graph, chosen, frozenset(keep))


def layers(model: ModelProto) -> List[str]:
    """Names of the weighted nodes of a tidy model, in the order in which they run: what `keep` may name."""
    graph = Graph(model)
    return [name_of(node) for node in graph.nodes if _has_weights(graph, node)]


def watched(model: ModelProto) -> List[str]:
    """Tensors of a tidy model that have to have a range for either flavour, whatever is kept in float."""
    names: Set[str] = set()
    for flavour in FLAVOURS:
        names |= set(scheme(model, flavour).source.values())
    return sorted(names)


def _has_weights(graph: Graph, node: NodeProto) -> bool:
    return node.op_type in WEIGHTED and graph.constant(node.input[1]) is not None and node.input[0] not in graph.stored


def activated(graph: Graph, node: NodeProto) -> str:
    """What comes out of a node, behind the activation that is part of it."""
    after = graph.only_user(node.output[0])
    return after.output[0] if after is not None and after.op_type in ACTIVATIONS else node.output[0]


def _before(graph: Graph, chosen: List[NodeProto]) -> Set[str]:
    """All tensors that a quantised layer depends on."""
    wanted = {node.input[0] for node in chosen}
    for node in reversed(graph.nodes):
        if any(name in wanted for name in node.output):
            wanted.update(name for name in node.input if name and name not in graph.stored)
    return wanted


def _cpu(graph: Graph, chosen: List[NodeProto], keep: FrozenSet[str]) -> Scheme:
    wanted = _before(graph, chosen)
    quantised = {node.input[0] for node in chosen} | {activated(graph, node) for node in chosen}
    quantised &= wanted
    source = {name: name for name in sorted(quantised)}  # a set's order differs from run to run, and names follow it
    for node in graph.nodes:
        if name_of(node) in keep or node.op_type not in JOINT + PASSING:
            continue
        out = activated(graph, node)
        given = list(node.input) if node.op_type in JOINT else [node.input[0]]
        if out not in wanted or not all(name in source for name in given):
            continue
        if node.op_type in JOINT:
            source.setdefault(out, out)
        elif _changes_nothing(node):
            source[node.output[0]] = source[node.input[0]]
    return Scheme(source, tuple(name_of(node) for node in chosen))


def _changes_nothing(node: NodeProto) -> bool:
    return node.op_type != "Resize" or attribute(node, "mode", b"nearest") == b"nearest"


def _tensorrt(graph: Graph, chosen: List[NodeProto], keep: FrozenSet[str]) -> Scheme:
    wanted, order = _before(graph, chosen), {id(node): at for at, node in enumerate(graph.nodes)}
    readers: Dict[str, Set[str]] = {}
    for node in chosen:
        readers.setdefault(node.input[0], set()).add(name_of(node))
    weighted = {id(node) for node in chosen}
    for node in graph.nodes:
        if node.op_type != "Add" or name_of(node) in keep or node.output[0] not in wanted:
            continue
        makers = {name: graph.maker.get(name) for name in node.input if name not in graph.stored}
        fused = [name for name, maker in makers.items() if id(maker) in weighted and graph.only_user(name) is node]
        if len(makers) == 2 and fused:
            last = max(fused, key=lambda name: order[id(makers[name])])
            added = next(name for name in makers if name != last)
            readers.setdefault(added, set()).add(name_of(node))
    return Scheme({name: name for name in readers}, tuple(name_of(node) for node in chosen),
                  {name: frozenset(names) for name, names in readers.items()})
