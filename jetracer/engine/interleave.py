"""Latencies that can be compared: of things that take turns, so that whatever else the computer does hits all alike."""
from __future__ import annotations

import time
from itertools import cycle
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence

import numpy as np

from jetracer.engine.base import Engine

_BLOCK = 5  # calls in a row: the first of them finds the caches full of another's weights
_LEAST_ROUNDS = 12


class Latency(NamedTuple):
    """Of single calls, and how many times as fast as the first thing in the row: the median of all rounds.

    `spread`: how many times as long slow rounds take as quick ones (85th and 15th of 100); near 1 when at rest.
    """

    p50_ms: float
    p99_ms: float
    ratio: float
    spread: float = 1.0

    def as_json(self) -> Dict[str, Any]:
        return {"latency_ms": {"p50": round(self.p50_ms, 4), "p99": round(self.p99_ms, 4)},
                "ratio": round(self.ratio, 3)}


def interleave(runs: Mapping[Any, Callable[[], Any]], seconds: float = 4.0) -> Dict[Any, Latency]:
    """Call each of `runs` in turns for about `seconds`; see `rounds`.

    A round compares what ran within moments of each other; the median of the rounds' ratios is not moved by the ones in
    which something else ran too.
    """
    blocks = rounds(runs, seconds)
    medians = {name: np.median(block, axis=1) for name, block in blocks.items()}
    first = medians[next(iter(runs))]
    return {name: Latency(*np.percentile(block, (50, 99)).tolist(), float(np.median(first / medians[name])),
                          float(np.divide(*np.percentile(medians[name], (85, 15)))))
            for name, block in blocks.items()}


def rounds(runs: Mapping[Any, Callable[[], Any]], seconds: float) -> Dict[Any, np.ndarray]:
    """Milliseconds of each call, (rounds, calls in a row): in every round each is called some times in a row.

    Every other round goes in reverse order.
    """
    blocks: Dict[Any, List[List[float]]] = {name: [] for name in runs}
    until_s = time.perf_counter() + seconds
    names = list(runs)
    while len(blocks[names[0]]) < _LEAST_ROUNDS or time.perf_counter() < until_s:
        for name in names:
            blocks[name].append(_block(runs[name]))
        names.reverse()
    return {name: np.array(block) for name, block in blocks.items()}


def asking(engine: Engine, prepare: Callable[[np.ndarray], np.ndarray], pictures: Sequence[np.ndarray]
           ) -> Callable[[], Any]:
    """What asks an open engine about one picture after another, over and over, each made ready by `prepare` before."""
    name = engine.card.input.name
    inputs = cycle([{name: np.array(prepare(picture))} for picture in pictures])
    return lambda: engine.infer(next(inputs))


def _block(run: Callable[[], Any]) -> List[float]:
    took_ms = []
    for _ in range(_BLOCK):
        started_s = time.perf_counter()
        run()
        took_ms.append(1e3 * (time.perf_counter() - started_s))
    return took_ms
