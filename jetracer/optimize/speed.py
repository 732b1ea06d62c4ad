"""How long a model will take on a CPU, from its graph alone: sums of traits, each with its price.

The prices are learnt once for a computer, from small nets (`micro_nets.py`) that are timed on it, and kept in a small
file. A price is never negative; each family of operators has its own. See `traits.py` for what is priced.
"""
from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Tuple

import numpy as np

from jetracer.core.config import write_text
from jetracer.core.errors import ModelError
from jetracer.engine.devices import cpu_name
from jetracer.graph.view import Graph
from jetracer.optimize.micro_nets import micro_nets
from jetracer.optimize.node_times import Reference, Watched, node_medians_s, take_turns
from jetracer.optimize.traits import Traits, traits

FORMAT = 1
ROUNDS = 10
REST = "any other"  # the family of an operator that was in no small net
_FLOOR_US = 3.0  # an operator shorter than this is as important as one of this
_FAR, _AGAIN = 0.2, 3  # relative error from which on a time counts for less; rounds of that
_STILL = 1e-9  # slope, relative, at which nothing is to be gained
_CACHES = 16e6  # bytes, where the system does not tell
Row = Tuple[str, Traits, float]  # family, traits, s


@dataclass(frozen=True)
class Speed:
    """What operators cost on one computer. `prices`: {family: {trait: microseconds}}."""

    cpu: str
    onnxruntime: str
    block: int
    cache_bytes: float
    reference_s: float
    error: float  # median relative error on the small nets themselves
    spread: float  # of the reference while it was learnt: slow moments beside quick ones
    prices: Mapping[str, Mapping[str, float]]
    format: int = FORMAT

    def node_times_s(self, graph: Graph) -> np.ndarray:
        """(nodes,) of a graph as `optimised(path)` gives it. Raises ModelError where a size is not fixed."""
        share = cold(graph, self.cache_bytes)
        return np.array([self._price(*traits(graph, node, self.block, share)) for node in graph.top])

    def _price(self, family: str, found: Traits) -> float:
        prices = self.prices.get(family, self.prices[REST])
        return 1e-6 * sum(prices.get(name, 0.0) * value for name, value in found.items())


def cold(graph: Graph, cache_bytes: float) -> float:
    """The share of a net's weights that have left the caches when their turn comes again: none below a quarter of the
    last cache, all above three quarters of it, for others use it too."""
    stored = sum(map(graph.bytes, graph.constants))
    return float(np.clip((stored - cache_bytes / 4) / (cache_bytes / 2), 0.0, 1.0))


def learn(watched: Mapping[str, Watched], reference_s: float) -> Speed:
    """The prices, from nets that have been timed by `take_turns`."""
    block, caches = block_here(), cache_bytes()
    medians = node_medians_s(watched, reference_s)
    rows: List[Row] = []
    for name, one in watched.items():
        share = cold(one.graph, caches)
        rows += [(*traits(one.graph, node, block, share), float(time_s))
                 for node, time_s in zip(one.graph.top, medians[name])]
    references = [value for one in watched.values() for value in one.references_s]
    speed = Speed(cpu_name(), version(), block, caches, reference_s, 0.0,
                  float(np.divide(*np.percentile(references, (85, 15)))), fit(rows))
    errors = [abs(speed.node_times_s(one.graph).sum() / one.wall_s(reference_s) - 1) for one in watched.values()]
    return Speed(**{**asdict(speed), "error": float(np.median(errors))})


def fit(rows: List[Row]) -> Dict[str, Dict[str, float]]:
    """The prices of each family: least squares of relative errors, none negative."""
    families: Dict[str, List[Row]] = defaultdict(list)
    for row in rows:
        families[row[0]].append(row)
        if not row[0].startswith(("conv.", "product.")):
            families[REST].append((REST, {name: row[1].get(name, 0.0) for name in ("in", "out", "calls")}, row[2]))
    return {family: _fit(members) for family, members in families.items()}


def _fit(members: List[Row]) -> Dict[str, float]:
    names = sorted({name for _, found, _ in members for name in found})
    amounts = np.array([[found.get(name, 0.0) for name in names] for _, found, _ in members])
    took_us = 1e6 * np.array([time_s for _, _, time_s in members])
    weights = 1.0 / np.maximum(took_us, _FLOOR_US)
    prices = not_negative(amounts * weights[:, None], took_us * weights)
    for _ in range(_AGAIN):  # what is far off was disturbed, or is of another kind: it counts for less
        off = np.abs(amounts @ prices - took_us) * weights
        milder = weights * np.sqrt(_FAR / np.maximum(off, _FAR))
        prices = not_negative(amounts * milder[:, None], took_us * milder)
    return {name: round(float(price), 6) for name, price in zip(names, prices) if price > 1e-6}


def not_negative(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """x >= 0 with the least |matrix x - wanted|^2: Lawson and Hanson 1974, "Solving least squares problems", 23.3."""
    lengths = np.linalg.norm(matrix, axis=0)
    scaled = matrix / np.where(lengths > 0, lengths, 1.0)
    found, free = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1], bool)
    for _ in range(3 * len(found)):
        slope = np.where(free, 0.0, scaled.T @ (wanted - scaled @ found))
        if slope.max(initial=0.0) <= _STILL * np.linalg.norm(wanted):
            break
        free[slope.argmax()] = True
        found = _step(scaled, wanted, found, free)
    return found / np.where(lengths > 0, lengths, 1.0)


def _step(matrix: np.ndarray, wanted: np.ndarray, found: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The best values of the free ones; those that would become negative on the way are fixed at 0. Changes `free`."""
    while free.any():
        best = np.zeros_like(found)
        best[free] = np.linalg.lstsq(matrix[:, free], wanted, rcond=None)[0]
        if best[free].min() > 0:
            return best
        down = free & (best <= 0)
        share = (found[down] / np.maximum(found[down] - best[down], 1e-300)).min()
        found = found + share * (best - found)
        free &= found > 1e-12
    return np.zeros_like(found)


def calibrate(rounds: int = ROUNDS, progress: Callable[[int, int], None] = lambda done, of: None) -> Speed:
    """Time the small nets on this computer; some minutes, about a gigabyte of memory."""
    watched = {name: Watched(content) for name, content in micro_nets().items()}
    try:
        return learn(watched, take_turns(list(watched.values()), Reference(), rounds, progress))
    finally:
        for one in watched.values():
            one.close()


def place(root: str = "") -> Path:
    """Of this computer's file: $XDG_CACHE_HOME/jetracer, or ~/.cache/jetracer."""
    folder = root or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    words = re.sub(r"[^a-z0-9]+", "-", f"{cpu_name()} onnxruntime {version()}".lower()).strip("-")
    return Path(folder) / "jetracer" / f"speed-{words}.json"


def save(speed: Speed, path: Path) -> Path:
    write_text(path, json.dumps(asdict(speed), indent=1, sort_keys=True) + "\n")
    return path


def load(path: Path) -> Speed:
    """Raises ModelError where there is none, or one of another computer, with the command that makes it."""
    try:
        content: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        speed = Speed(**content)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError("What operators cost on this computer is not known yet; learn it: jetracer profile "
                         "--calibrate") from error
    if (speed.format, speed.cpu, speed.onnxruntime) != (FORMAT, cpu_name(), version()):
        raise ModelError(f"{path} is of another computer or ONNX Runtime; run: jetracer profile --calibrate")
    return speed


def version() -> str:
    import onnxruntime

    return str(onnxruntime.__version__)


def block_here() -> int:
    """Channels in a block of ONNX Runtime's convolutions: 16 with AVX-512, else 8 (MlasNchwcGetBlockSize)."""
    return 16 if "avx512f" in _read("/proc/cpuinfo") else 8


def cache_bytes() -> float:
    """The size of the last cache."""
    sizes = [_read(f"/sys/devices/system/cpu/cpu0/cache/index{level}/size").strip() for level in (3, 2)]
    found = next((size for size in sizes if re.fullmatch(r"\d+[KM]", size)), "")
    return float(found[:-1]) * {"K": 1024, "M": 1024 ** 2}[found[-1]] if found else _CACHES


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
