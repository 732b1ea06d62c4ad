"""What a TensorRT will not take of a graph: the node, the versions, and what to write instead.

No trouble found is no proof: only a build on the device is. Where TensorRT for RTX is installed its own parser is asked
too (graph/real_parser.py).
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from onnx import TensorProto

from jetracer.engine.devices import BYTES_IN, Version, dotted
from jetracer.graph.fixes import can, expandable
from jetracer.graph.fold import foldable, unused_sets
from jetracer.graph.operators import INSTEAD, NEWEST_IR, SINCE, VERSIONS, newest_opset, taken
from jetracer.graph.rules import RULES
from jetracer.graph.view import Graph, Node

THREE_WAYS = "run it outside TensorRT: jetracer doctor model MODEL --parts FILE.hybrid; or a plugin (docs/engines.md)"
PLUGINS = ("jetracer",)  # domains of our own, which engine/soft_argmax_plugin.py registers
# what comes out has a size that only the numbers decide
CHANGING = ("NonZero", "NonMaxSuppression", "Unique", "Compress", "StringSplit")


@dataclass(frozen=True)
class Trouble:
    """One thing that a TensorRT does not take. `refused` and `taken` are of the versions asked about."""

    rule: str
    node: str  # its name; empty: the model as a whole
    op: str
    detail: str
    refused: Tuple[str, ...]
    taken: Tuple[str, ...]
    rewrite: str
    source: str
    fix: str = ""  # of graph/fixes.py
    status: str = "fail"  # warn: it is taken, but read the detail
    index: int = -1  # of the node in the graph, or of the If or Loop that it is in

    def __str__(self) -> str:
        what = f"{self.node} ({self.op})" if self.node else "the model"
        said = "is taken by all" if not self.refused else (
            f"not taken by TensorRT {', '.join(self.refused)}"
            + (f"; by {', '.join(self.taken)} it is" if self.taken else ""))
        return f"{what} {self.detail}: {said}. Instead: {self.rewrite}"


def diagnose(graph: Graph, versions: Sequence[Version] = VERSIONS) -> List[Trouble]:
    """All troubles, in the order of the graph; first those of the model as a whole."""
    asked = [tuple(version[:2]) for version in versions]
    found = [*_model(graph, asked), *_operators(graph, asked), *_rules(graph, asked)]
    order = {id(node): place for place, node in enumerate(graph.nodes)}
    places: Dict[str, int] = {}
    for node in graph.nodes:
        places.setdefault(node.label, order[id(node)])
    return sorted(found, key=lambda one: (one.node != "", places.get(one.node, -1)))


def _trouble(rule: str, node: Optional[Node], detail: str, asked: Sequence[Version], refused: Sequence[Version],
             rewrite: str, source: str, **more: Any) -> Trouble:
    return Trouble(rule, node.label if node else "", node.op if node else "", detail,
                   tuple(dotted(one) for one in asked if one in refused),
                   tuple(dotted(one) for one in asked if one not in refused), rewrite, source,
                   index=node.top if node else -1, **more)


def _operators(graph: Graph, asked: Sequence[Version]) -> Iterator[Trouble]:
    """By the list of operators; and those of other domains, which need a plugin."""
    own = {(entry.domain, entry.name) for entry in graph.model.functions}
    once = foldable(graph)  # such as a Mod of sizes that are known
    for node in graph.nodes:
        key = (node.domain, node.op)
        if node.standard:
            refused = [one for one in asked if not taken(node.op, one)]
            detail = "is of an operator that " + ("no TensorRT has" if node.op not in SINCE else
                                                  f"came with TensorRT {dotted(SINCE[node.op])}")
            rewrite, fix = INSTEAD.get(node.op, THREE_WAYS), "expand" if expandable(graph, node) else ""
            if once.issuperset(node.outputs):
                rewrite, fix = "compute it once: it does not depend on the picture", "fold"
        elif key in own:
            refused = [one for one in asked if one < (9, 0)]
            detail, rewrite, fix = "is a function of the model, which came with TensorRT 9.0", "write it out", "inline"
        elif node.domain in PLUGINS:
            refused = [one for one in asked if one < (10, 0)]
            detail, rewrite = "is JetRacer's own, whose plugin needs TensorRT 10", "write it out"
            fix = "inline"
        else:
            refused, fix = list(asked), ""
            detail = f"is of the domain {node.domain!r}, which needs a plugin"
            rewrite = INSTEAD.get(node.op, THREE_WAYS)
        if refused:
            yield _trouble("operator", node, detail, asked, refused, rewrite, "list 8.4, 8.5, 10.15; log", fix=fix)


def _rules(graph: Graph, asked: Sequence[Version]) -> Iterator[Trouble]:
    for node in graph.nodes:
        for rule in RULES if node.standard else ():
            if rule.ops and node.op not in rule.ops:
                continue
            # where the operator itself is refused, nothing more needs to be said of it
            refused = [one for one in asked if taken(node.op, one) and (rule.first is None or one < rule.first)]
            if not refused and not rule.always:
                continue
            detail = rule.find(graph, node)
            if detail:
                yield _trouble(rule.name, node, detail, asked, refused if rule.grave else (), rule.rewrite, rule.source,
                               fix=_mechanical(graph, node, rule.fix), status="fail" if rule.grave else "warn")


def _mechanical(graph: Graph, node: Node, fix: str) -> str:
    """The fix's name where it can be done to this node."""
    return fix if fix and can(fix, graph, node) else ""


def _model(graph: Graph, asked: Sequence[Version]) -> Iterator[Trouble]:
    yield from _opsets(graph, asked)
    open_sides = False
    for entry in graph.inputs:
        shape = graph.shapes.get(entry.name)
        if shape is None or None in shape:
            open_sides = True
            batch = shape is not None and None not in shape[1:]
            yield _trouble("dynamic-shape", None, f"takes {entry.name!r} in a size that varies {_sides(shape)}",
                           asked, asked, "export for a batch of 1 and one size of picture; for others TensorRT wants "
                           "profiles, which are not made here", "TensorRT developer guide, dynamic shapes; RTX 1.7",
                           fix="batch" if batch else "")
        yield from _input_type(graph, entry, asked)
    if not open_sides:
        yield from _outputs(graph, asked)


def _sides(shape: Any) -> str:
    return "" if shape is None else f"({', '.join('?' if side is None else str(side) for side in shape)})"


def _opsets(graph: Graph, asked: Sequence[Version]) -> Iterator[Trouble]:
    refused = [one for one in asked if graph.opset > newest_opset(one)]
    if refused:
        newest = ", ".join(sorted({str(newest_opset(one)) for one in refused}))
        yield _trouble("opset", None, f"has opset {graph.opset}, newer than these read ({newest})", asked, refused,
                       "export with opset 13, which all of them read", "list 8.4, 8.5, 10.15", fix="opset")
    if graph.opset < 9:
        yield _trouble("opset-old", None, f"has opset {graph.opset}; TensorRT reads from 9 on", asked, asked,
                       "export anew with opset 13", "list 10.15", fix="opset")
    unused = unused_sets(graph.model)
    if unused:
        yield _trouble("unused-opset", None, f"names operator sets that it does not use ({', '.join(unused)}), which "
                       "older readers do not know", asked, (), "leave them out", "ONNX Runtime 1.10 refuses them",
                       fix="strip", status="warn")
    if graph.model.ir_version > NEWEST_IR:
        yield _trouble("ir-version", None, f"is of IR version {graph.model.ir_version}; ONNX Runtime 1.19, the newest "
                       f"for Python 3.8, reads up to {NEWEST_IR}", asked, (), f"IR version {NEWEST_IR}",
                       "ONNX Runtime 1.19 release notes", fix="strip", status="warn")


def _input_type(graph: Graph, entry: Any, asked: Sequence[Version]) -> Iterator[Trouble]:
    """Bytes before 8.5: where a Cast follows, `jetracer build` gives floats by itself."""
    kind = graph.types.get(entry.name)
    readers = graph.readers.get(entry.name, [])
    refused = [one for one in asked if one < BYTES_IN]
    other = next((node for node in readers if node.op != "Cast"), None)
    if kind == TensorProto.UINT8 and refused and other is not None:
        yield _trouble("bytes-in", None, f"takes {entry.name!r} as UINT8, and what follows is no Cast", asked, refused,
                       "Cast to float32 first, right behind the input", "log 8.5; onnx-tensorrt 400",
                       fix=_mechanical(graph, other, "cast-first"))
    if kind == TensorProto.DOUBLE:
        yield _trouble("double", None, f"takes {entry.name!r} as DOUBLE, of which TensorRT makes float32", asked, (),
                       "float32", "list 8.4 to 10.15; onnx-tensorrt 633", fix="float", status="warn")


def _outputs(graph: Graph, asked: Sequence[Version]) -> Iterator[Trouble]:
    """Of a size that the numbers decide: an engine of ours has memory of fixed size for its answers."""
    for entry in graph.outputs:
        shape = graph.shapes.get(entry.name)
        if shape is None or None in shape:
            origin = next((node for node in _before(graph, entry.name) if node.op in CHANGING), None)
            if origin is not None:
                instead = INSTEAD.get(origin.op, "answers of fixed size, such as the best N by TopK")
                yield _trouble("changing-output", origin, f"makes the size of {entry.name!r} depend on the picture",
                               asked, asked, instead, "engine/tensorrt_native.py: memory is taken once")


def _before(graph: Graph, name: str) -> Iterator[Node]:
    """The nodes that a value depends on, nearest first."""
    seen: Set[str] = set()
    left = [name]
    while left:
        maker = graph.makers.get(left.pop(0))
        if maker is not None and maker.label not in seen:
            seen.add(maker.label)
            yield maker
            left += sorted(maker.reads())
