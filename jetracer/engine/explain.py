"""`--explain`: at which operator does an engine lose the points? Found by bisection, in few runs of the engine.

A run stops the engine at one place of the graph: the tensors that are alive there become outputs of it, as polygraphy
marks them, and the rest is calculated from them by the model in FP32. So the error at a place is that of the answers,
were all behind it in FP32: none at the picture, all of it at the end. The operator named is the first behind which half
of the error is there.
"""
from __future__ import annotations

import math
from contextlib import contextmanager
from typing import Any, Callable, ContextManager, Dict, Iterator, List, NamedTuple, Sequence, Set

import numpy as np

from jetracer.core.errors import ModelError
from jetracer.engine.build_plan import Settings
from jetracer.engine.card import ModelCard
from jetracer.engine.onnx_graph import Graph, Node, Port
from jetracer.engine.onnx_run import Run, numpy_name, run_onnx, session
from jetracer.engine.parity import SIZE_PX, Answers, Probes
from jetracer.engine.tensorrt_base import Adapter
from jetracer.engine.tensorrt_native import Execution

Open = Callable[[bytes], ContextManager[Run]]  # makes an ONNX file's bytes run as the candidate does


class Lost(NamedTuple):
    """How far the answers are off, in parts of the model's own spread and in pixels of 224; infinite: no number."""

    spread: float
    aim_px: float

    def __str__(self) -> str:
        return f"{self.aim_px:.2g} px of 224" if math.isfinite(self.aim_px) else "no number"


class Explanation(NamedTuple):
    node: Node
    before: Lost
    after: Lost
    total: Lost
    place: int  # 1 is the first operator
    places: int
    runs: int  # of the candidate

    def to_dict(self) -> Dict[str, Any]:
        """JSON-ready; None where it is no number."""
        lost = {name: {unit: value if math.isfinite(value) else None for unit, value in found._asdict().items()}
                for name, found in (("before", self.before), ("after", self.after), ("total", self.total))}
        return {"node": self.node.name, "op": self.node.op, **lost, "place": self.place, "places": self.places,
                "runs": self.runs, "gradual": self.gradual}

    @property
    def gradual(self) -> bool:
        """No one operator is to blame: this one adds less than half."""
        return math.isfinite(self.total.spread) and self.after.spread - self.before.spread < self.total.spread / 2

    def __str__(self) -> str:
        grows = "; the error grows from operator to operator, no single one makes it" if self.gradual else ""
        return (f"{self.node}, operator {self.place} of {self.places}: the answers are off by {self.before} before it "
                f"and by {self.after} after it, by {self.total} in all ({self.runs} runs){grows}")


def explain(model: bytes, card: ModelCard, candidate: bytes, candidate_card: ModelCard, opened: Open, probes: Probes
            ) -> Explanation:
    """Bisect `candidate`, an ONNX file run by `opened`, beside its parent in FP32, an ONNX file too.

    At most ceil(log2(n)) + 1 runs of the candidate for n places that both have. Raises ModelError where the two have no
    tensors in common, or answer the same.
    """
    bench = _Bench(model, card, candidate, candidate_card, opened, probes)
    places, runs = bench.places(), 1
    if len(places) < 2:
        raise ModelError(f"{candidate_card.name!r} names none of its tensors as its parent does, so the two cannot be "
                         "compared operator by operator; make it again with jetracer optimize.")
    total = found = bench.lost(places[-1])
    if total.spread == 0.0:
        raise ModelError(f"{candidate_card.name!r} answers as its parent does: there is nothing to explain.")
    low, high, before = -1, len(places) - 1, Lost(0.0, 0.0)
    while high - low > 1:
        middle = (low + high) // 2
        lost, runs = bench.lost(places[middle]), runs + 1
        if lost.spread < total.spread / 2:
            low, before = middle, lost
        else:
            high, found = middle, lost
    place = places[high]
    return Explanation(bench.graph.nodes[place], before, found, total, high + 1, len(places), runs)


class _Bench:
    """The model in FP32, the candidate, and what is asked of both."""

    def __init__(self, model: bytes, card: ModelCard, candidate: bytes, candidate_card: ModelCard, opened: Open,
                 probes: Probes) -> None:
        self.graph, self._card, self._opened = Graph(model), card, opened
        self._outputs = list(card.outputs)
        self._pictures = probes.pictures[:probes.driving]
        own, other = probes.prepare(card), probes.prepare(candidate_card)
        self._own = lambda picture: {card.input.name: own(picture)}
        self._inputs = lambda picture: {candidate_card.input.name: other(picture)}
        with run_onnx(model) as infer:
            answers = [infer(self._own(picture)) for picture in self._pictures]
        self._wanted = self._stacked(answers)
        self._moving = self.graph.moving(card.input.name) & self.graph.needed(self._outputs)
        self._marks = _Marks(candidate)
        self._types = _types(self.graph)

    def places(self) -> List[int]:
        """The nodes after which all that is alive has its like in the candidate, in order; the last one is the end."""
        return [place for place, node in enumerate(self.graph.nodes) if self._moving.intersection(node.outputs)
                and self._alive(place) - {self._card.input.name} <= set(self._marks.of)]

    def _alive(self, place: int) -> Set[str]:
        """What is made until then, of the picture, and asked for later or an answer."""
        made = {self._card.input.name}.union(*(node.outputs for node in self.graph.nodes[:place + 1]))
        asked = set(self._outputs).union(*(node.inputs for node in self.graph.nodes[place + 1:]
                                           if self._moving.intersection(node.outputs)))
        return made & asked & self._moving

    def lost(self, place: int) -> Lost:
        """Run the candidate until `place` and the model in FP32 from there on. Infinite where it is no number."""
        source = self._card.input.name
        alive = sorted(self._alive(place))
        asked = [name for name in alive if name != source]
        rest = [name for name in self._outputs if name not in alive]
        nodes = [node for number, node in enumerate(self.graph.nodes)
                 if number > place or not self._moving.intersection(node.outputs)]
        tail = self.graph.tail(nodes, [self._types[name] for name in alive], rest) if rest else b""
        answers = []
        with self._opened(self._marks.marked(asked)) as infer, run_onnx(tail) as finish:
            for picture in self._pictures:
                values = infer(self._inputs(picture))
                there = {name: self._as_model(name, values[self._marks.of[name]]) for name in asked}
                there.update(self._own(picture) if source in alive else {})
                answers.append({**there, **finish(there)})
        return self._judged(self._stacked(answers))

    def _as_model(self, name: str, values: np.ndarray) -> np.ndarray:
        wanted = self._types[name]
        return np.asarray(values).astype(numpy_name(wanted.type)).reshape(wanted.shape)

    def _stacked(self, answers: Sequence[Answers]) -> Answers:
        return {name: np.stack([np.array(answer[name], np.float64).reshape(-1) for answer in answers])
                for name in self._outputs}

    def _judged(self, found: Answers) -> Lost:
        if not all(np.isfinite(values).all() for values in found.values()):
            return Lost(math.inf, math.inf)
        shares = [float(np.abs(found[name] - wanted).mean() / max(wanted.std(), 1e-12))
                  for name, wanted in self._wanted.items()]
        aim = self._card.output("aim")
        px = np.hypot(*(found[aim] - self._wanted[aim])[:, :2].T).mean() * SIZE_PX / 2.0 if aim else math.nan
        return Lost(max(shares), float(px))


class _Marks:
    """The tensors of a candidate, by the names of their likes in the parent: in `of`.

    Quantised ones are taken after Q/DQ, so that the error of a scale counts for the operator whose answer it is of.
    """

    def __init__(self, model: bytes) -> None:
        self._graph = graph = Graph(model)
        self._types = _types(graph)
        made = {name: node for node in graph.nodes for name in node.outputs}
        self.of: Dict[str, str] = {name: name for name in made if name}
        for node in graph.nodes:
            origin = made.get(node.inputs[0]) if node.op == "DequantizeLinear" else None
            if origin is not None and origin.op == "QuantizeLinear":
                self.of[origin.inputs[0]] = node.outputs[0]

    def marked(self, names: Sequence[str]) -> bytes:
        return self._graph.marked(self._types[self.of[name]] for name in names)


def _types(graph: Graph) -> Dict[str, Port]:
    """Every tensor's type and shape, as ONNX Runtime finds them out."""
    names = {name for node in graph.nodes for name in node.outputs if name}
    opened = session(graph.marked(Port(name) for name in sorted(names)))
    return {port.name: Port(port.name, port.type, tuple(side if isinstance(side, int) else 1 for side in port.shape))
            for port in (*opened.get_inputs(), *opened.get_outputs())}


def run_tensorrt(adapter: Adapter, cuda: Any, settings: Settings) -> Open:
    """As TensorRT builds and runs it; each place is a build of its own."""
    @contextmanager
    def opened(model: bytes) -> Iterator[Run]:
        network = adapter.parse(model, settings)
        with Execution(adapter, cuda, adapter.optimise(network, settings).plan) as execution:
            def infer(inputs: Answers) -> Answers:
                for name, values in inputs.items():
                    np.copyto(execution.host[name], values)
                return execution.run()
            yield infer
    return opened
