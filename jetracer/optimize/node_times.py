"""How long each operator of a model takes, by ONNX Runtime's own profiler; and runs that can be compared over minutes.

Two sessions of the same model take turns: one is timed as a whole, the other operator by operator. The profiler adds
some microseconds to every operator; that is taken off, and what is left is scaled to what the whole takes without it.
A computer's speed changes by the second, so before and after each a small net runs that stays the same, the reference.
"""
from __future__ import annotations

import json
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from jetracer.core.errors import ModelError
from jetracer.engine.onnx_run import session, settings
from jetracer.graph.view import Graph, Node
from jetracer.optimize.count import FREE
from jetracer.optimize.optimised import read_graph
from jetracer.optimize.row import Row

RUNS = 4  # in a row; the first finds the caches full of other things and does not count
_ENDING = "_kernel_time"
_LEAST_US = 0.3  # of any operator


class Watched:
    """A model that can be timed: `source` is its file, or its content."""

    def __init__(self, source: Union[Path, bytes], nodes: bool = True) -> None:
        self.walls_s: List[np.ndarray] = []  # of each burst, the runs that count
        self.references_s: List[float] = []
        self._folder = tempfile.TemporaryDirectory(prefix="jetracer-")
        self._whole = _session(source, Path(self._folder.name) / "optimised.onnx")
        self.graph: Graph = read_graph(Path(self._folder.name) / "optimised.onnx")
        self._parts = _session(source, None, Path(self._folder.name) / "times") if nodes else None
        self._feed = {entry.name: _numbers(entry) for entry in self._whole.get_inputs()}

    def burst(self, reference: Callable[[], float]) -> None:
        """Run it a few times, the reference before and after it."""
        before = reference()
        self.walls_s.append(self._run(self._whole))
        between = reference()
        if self._parts is not None:
            self._run(self._parts)
        self.references_s.append((before + between) / 2)

    def wall_s(self, reference_s: float) -> float:
        """The median run, as it would be while the reference takes `reference_s`."""
        relative = np.array(self.walls_s) / np.array(self.references_s)[:, None]
        return float(np.median(relative)) * reference_s

    def node_times_s(self) -> Optional[np.ndarray]:
        """(bursts, runs, nodes) as the profiler has it, in the order of `graph.top`; ends the profiling."""
        if self._parts is None:
            return None
        told = Path(self._parts.end_profiling())
        self._parts = None
        events = json.loads(told.read_text(encoding="utf-8"))
        os.remove(told)
        runs: List[List[Tuple[str, float]]] = [[]]
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith(_ENDING):
                runs[-1].append((event["name"][:-len(_ENDING)], 1e-6 * event["dur"]))
            elif event.get("name") == "model_run":
                runs.append([])
        order = _order([name for name, _ in runs[0]], [_profiled(node) for node in self.graph.top])
        times = np.array([[time_s for _, time_s in run] for run in runs[:-1]])
        return times[:, order].reshape(-1, RUNS, len(order))[:, 1:]

    def close(self) -> None:
        self._whole = self._parts = None
        self._folder.cleanup()

    def _run(self, session: Any) -> np.ndarray:
        took_s = []
        for _ in range(RUNS):
            started_s = time.perf_counter()
            session.run(None, self._feed)
            took_s.append(time.perf_counter() - started_s)
        return np.array(took_s[1:])


def _order(ran: Sequence[str], nodes: Sequence[str]) -> List[int]:
    """Where in the order of running each node of the graph is: branches may run in another order than in the file."""
    places = defaultdict(list)
    for place, name in enumerate(ran):
        places[name].append(place)
    found = [places[name].pop(0) if places[name] else None for name in nodes]
    rest = defaultdict(list)  # the number of a node without a name is another one in the profiler
    for name in ran:
        for place in places.pop(name, ()):
            rest[_kind(name)].append(place)
    for at, name in enumerate(nodes):
        if found[at] is None and not rest[_kind(name)]:
            raise ModelError("ONNX Runtime's profiler names other operators than its graph; is it a new version?")
        found[at] = rest[_kind(name)].pop(0) if found[at] is None else found[at]
    return found


def _profiled(node: Node) -> str:
    """What the profiler calls a node; one without a name is known by its kind and a number."""
    return node.proto.name or f"{node.op}_{node.index}"


def _kind(name: str) -> str:
    return name.rpartition("_")[0]


def _session(source: Union[Path, bytes], optimised: Optional[Path], times: Optional[Path] = None) -> Any:
    options = settings()
    if optimised:
        options.optimized_model_filepath = str(optimised)
    if times:
        options.enable_profiling, options.profile_file_prefix = True, str(times)
    return session(source, options)


def _numbers(entry: Any) -> np.ndarray:
    shape = [side if isinstance(side, int) else 1 for side in entry.shape]
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return pixels if entry.type == "tensor(uint8)" else (pixels.astype(np.float32) - 128) / 64


class Reference:
    """A small net that is always the same; calling it tells how long it takes just now, in s."""

    def __init__(self) -> None:
        row = Row("reference", (1, 32, 28, 28), np.random.default_rng(1))
        row.conv(64, 3)
        row.conv(128, 1)
        row.conv(128, 3, groups=128)
        row.conv(64, 1)
        row.conv(64, 3)
        self._session = _session(row.model(), None)
        self._feed = {"x": np.zeros((1, 32, 28, 28), np.float32)}

    def __call__(self) -> float:
        took_s = []
        for _ in range(RUNS):
            started_s = time.perf_counter()
            self._session.run(None, self._feed)
            took_s.append(time.perf_counter() - started_s)
        return min(took_s[1:])


def take_turns(watched: Sequence[Watched], reference: Callable[[], float], rounds: int,
               progress: Callable[[int, int], None] = lambda done, of: None) -> float:
    """Time all of them `rounds` times, in turns; the reference's median over all, in s."""
    for done in range(rounds):
        for one in watched:
            one.burst(reference)
        progress(done + 1, rounds)
    return float(np.median([value for one in watched for value in one.references_s]))


def node_medians_s(watched: Mapping[str, Watched], reference_s: float) -> Mapping[str, np.ndarray]:
    """{name: (nodes,)}: what each operator takes while the reference takes `reference_s`, the profiler's share off."""
    raw = {}
    for name, one in watched.items():
        times = one.node_times_s()
        relative = times / np.array(one.references_s)[:, None, None]
        raw[name] = np.median(relative.reshape(-1, times.shape[-1]), axis=0) * reference_s
    added_s = profilers_share_s(watched, raw)
    found = {}
    for name, times in raw.items():
        own = np.maximum(times - added_s, 1e-6 * _LEAST_US)
        found[name] = own * (watched[name].wall_s(reference_s) / own.sum())
    return found


def profilers_share_s(watched: Mapping[str, Watched], raw: Mapping[str, np.ndarray]) -> float:
    """What the profiler adds to an operator: the time it tells of those that do nothing, and of these the quickest."""
    idle = [value for name, one in watched.items() for node, value in zip(one.graph.top, raw[name])
            if node.op in FREE]
    return max(0.0, float(np.percentile(idle, 10)) - 1e-6 * _LEAST_US) if idle else 0.0
