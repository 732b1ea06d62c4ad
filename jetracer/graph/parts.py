"""A graph in parts: what a TensorRT takes, as few and as large parts as there can be, and the rest.

Every path through the graph alternates between nodes that TensorRT takes and nodes that it does not. A node's level is
the largest number of stretches that it takes on any path to the node. All that it takes on one level is one part, all
that it does not take between two levels another. Values only flow from a level to itself or onwards, so the parts run
one after the other; and there are as many of TensorRT's as the path that alternates most often needs: no division has
fewer.
"""
from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Sequence, Set, Tuple

from jetracer.core.errors import ModelError
from jetracer.engine.devices import BYTES_IN, Version
from jetracer.graph.diagnose import CHANGING, diagnose
from jetracer.graph.view import Graph, Node

TENSORRT, ONNX = "tensorrt", "onnx"
Takes = Callable[[Node], bool]
# A part without one of these is not worth the way to the GPU and back
_WORK = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "RNN", "Attention", "DeformConv")
# of the model as a whole, and no matter of where a part begins
_MODEL_WIDE = ("opset", "opset-old", "unused-opset", "ir-version", "bytes-in", "double")


class Part(NamedTuple):
    """Nodes that run together. `inputs` and `outputs` are the values that come in and that others need."""

    runs: str  # on tensorrt or onnx
    nodes: Tuple[Node, ...]
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]

    @property
    def works(self) -> int:
        """Nodes that a GPU is worth its while for."""
        return sum(node.op in _WORK for node in self.nodes)


def refused(graph: Graph, tensorrt: Version) -> Set[int]:
    """Places of the top nodes that a TensorRT does not take. Raises ModelError for what no division helps."""
    troubles = [one for one in diagnose(graph, [tensorrt]) if one.status == "fail"]
    hopeless = [one for one in troubles if one.index < 0 and one.rule not in _MODEL_WIDE]
    if hopeless:
        raise ModelError(f"The model cannot be divided: it {hopeless[0].detail}. First: {hopeless[0].rewrite}.")
    return {one.index for one in troubles if one.index >= 0} | _too_early(graph, tensorrt) | _varying(graph)


def _too_early(graph: Graph, tensorrt: Version) -> Set[int]:
    """What takes the camera's bytes, where TensorRT takes none."""
    if tensorrt[:2] >= BYTES_IN:
        return set()
    names = [entry.name for entry in graph.inputs if graph.types.get(entry.name) == 2]  # TensorProto.UINT8
    return {node.top for name in names for node in graph.readers.get(name, [])}


def _varying(graph: Graph) -> Set[int]:
    """What handles values whose size the picture decides: an engine's memory is of fixed size."""
    names: Set[str] = set()
    places: Set[int] = set()
    for node in graph.top:
        reads = names & node.reads()
        if reads or node.op in CHANGING:
            places.add(node.index)
            names.update(name for name in node.outputs if None in (graph.shapes.get(name) or (None,)))
    return places


def divide(graph: Graph, takes: Takes) -> List[Part]:
    """In the order in which they run. A part of TensorRT's that is not worth it is given to the rest."""
    accepted = {node.index for node in graph.top if takes(node)}
    while True:
        parts = _parts(graph, accepted)
        idle = {node.index for part in parts if part.runs == TENSORRT and not part.works for node in part.nodes}
        if not idle:
            return parts
        accepted -= idle


def cut(graph: Graph, takes: Takes) -> List[Part]:
    """In two at most: what no refused node comes before, or none after, whichever is more work for the GPU."""
    accepted = {node.index for node in graph.top if takes(node)}
    head = _closed(graph.top, accepted, _before(graph))
    tail = _closed(list(reversed(graph.top)), accepted, _after(graph))
    first, last = (_two(graph, part, runs) for part, runs in ((head, (TENSORRT, ONNX)), (tail, (ONNX, TENSORRT))))
    return max(first, last, key=lambda parts: sum(part.works for part in parts if part.runs == TENSORRT))


def _two(graph: Graph, chosen: Set[int], runs: Tuple[str, str]) -> List[Part]:
    first = [node for node in graph.top if (node.index in chosen) == (runs[0] == TENSORRT)]
    second = [node for node in graph.top if (node.index in chosen) == (runs[1] == TENSORRT)]
    return _joined(graph, [(runs[0], first), (runs[1], second)])


def _closed(nodes: Sequence[Node], accepted: Set[int], neighbours: Dict[int, Set[int]]) -> Set[int]:
    """The largest set of accepted nodes that holds all neighbours on one side of each of its own."""
    chosen: Set[int] = set()
    for node in nodes:
        if node.index in accepted and neighbours[node.index] <= chosen:
            chosen.add(node.index)
    return chosen


def _before(graph: Graph) -> Dict[int, Set[int]]:
    """By the place of a node, the places of those whose values it reads."""
    return {node.index: {graph.makers[name].top for name in node.reads() if name in graph.makers} - {node.index}
            for node in graph.top}


def _after(graph: Graph) -> Dict[int, Set[int]]:
    found: Dict[int, Set[int]] = {node.index: set() for node in graph.top}
    for place, earlier in _before(graph).items():
        for other in earlier:
            found[other].add(place)
    return found


def _parts(graph: Graph, accepted: Set[int]) -> List[Part]:
    level: Dict[int, int] = {}
    before = _before(graph)
    groups: Dict[Tuple[int, str], List[Node]] = {}
    for node in graph.top:
        earlier = before[node.index]
        if node.index in accepted:
            level[node.index] = max([1, *(level[one] + (one not in accepted) for one in earlier)])
        else:
            level[node.index] = max([0, *(level[one] for one in earlier)])
        # of one level, TensorRT's part comes first: what it does not take on that level reads from it
        key = (level[node.index], ONNX) if node.index not in accepted else (level[node.index], "")
        groups.setdefault(key, []).append(node)
    return _joined(graph, [(TENSORRT if not kind else ONNX, groups[level, kind]) for level, kind in sorted(groups)])


def _joined(graph: Graph, groups: Sequence[Tuple[str, List[Node]]]) -> List[Part]:
    """Parts with what flows between them."""
    ends = [entry.name for entry in graph.outputs]
    reads = [set().union(*(node.reads() for node in nodes)) if nodes else set() for _, nodes in groups]
    makes = [[name for node in nodes for name in node.outputs if name] for _, nodes in groups]
    parts = []
    for place, (runs, nodes) in enumerate(groups):
        if not nodes:
            continue
        others = set(ends).union(*(reads[other] for other in range(len(groups)) if other != place))
        inputs = sorted(name for name in reads[place] - set(makes[place]) if not graph.fixed(name))
        parts.append(Part(runs, tuple(nodes), tuple(inputs), tuple(name for name in makes[place] if name in others)))
    return parts
