"""What range each tensor gets, by running the network on the calibration frames once.

    minmax        all that occurred: nothing is cut off
    percentile    all but 1 in 100 000 (0.001 %), half of it at either end; the default
    entropy       the cut that loses the least information: TensorRT's algorithm (Migacz, "8-bit Inference with
                  TensorRT", GTC 2017, s7310), with real bins
    mse           the cut with the least mean squared error of rounding and cutting
"""
from __future__ import annotations

from typing import Any, Callable, Collection, Dict, Iterable, List

import numpy as np
import onnx
from onnx import ModelProto

from jetracer.core.errors import ConfigError, DataError, ModelError
from jetracer.core.registry import unknown
from jetracer.engine.onnx_run import session, settings
from jetracer.optimize.int8.graph import tidy
from jetracer.optimize.int8.histogram import HALF, Histogram
from jetracer.optimize.int8.scheme import watched
from jetracer.optimize.int8.table import Range, Table

PERCENTILE = 99.999
LEVELS = 128  # distances from zero that a symmetric INT8 tells apart
MSE_STEPS = 512  # cuts that are tried

Progress = Callable[[int], None]


def calibrate(model: ModelProto, inputs: Iterable[np.ndarray], method: str = "percentile",
              progress: Progress = lambda done: None, quiet: Collection[str] = ()) -> Table:
    """Run FP32 `model` on network inputs of batch 1 and say what range each activation needs.

    `inputs`: as the model takes them, such as (1,224,224,3) uint8; used once, one by one. `quiet`: tensors whose range
    is that of `mse`, whatever the method. Raises UnknownName, DataError without inputs, ModelError when a tensor is not
    finite.
    """
    find = finder(method)
    return Table({name: (mse if name in quiet else find)(seen)
                  for name, seen in histograms(model, inputs, progress).items()}, method)


def histograms(model: ModelProto, inputs: Iterable[np.ndarray], progress: Progress = lambda done: None
               ) -> Dict[str, Histogram]:
    """What `calibrate` looks at, of every activation; several methods can be tried on it."""
    seen: Dict[str, Histogram] = {}
    done = 0
    opened, names = _session(model)
    given = opened.get_inputs()[0].name
    made = [name for name in names if name != given]
    for done, one in enumerate(inputs, 1):
        answers = dict(zip(made, opened.run(made, {given: one})))
        for name in names:
            _add(seen.setdefault(name, Histogram()), answers.get(name, one), name)
        progress(done)
    if not done:
        raise DataError("There is no frame to calibrate with; give a data set with pictures.")
    return seen


def finder(method: str) -> Callable[[Histogram], Range]:
    """Histogram -> Range. "percentile:99.9" sets the share that is kept. Raises UnknownName, ConfigError."""
    name, _, share = method.partition(":")
    if name not in METHODS:
        raise unknown("calibration method", name, METHODS)
    if not share:
        return METHODS[name]
    try:
        kept = float(share)
    except ValueError:
        kept = -1.0
    if name != "percentile" or not 50.0 < kept <= 100.0:
        raise ConfigError(f"{method!r} makes no sense; a share goes with percentile alone, as percentile:99.99")
    return lambda histogram: percentile(histogram, kept)


def minmax(seen: Histogram) -> Range:
    return Range(seen.low, seen.high)


def percentile(seen: Histogram, kept: float = PERCENTILE) -> Range:
    """The range that holds `kept` percent of all values; what is cut off is cut at both ends alike."""
    cut = (100.0 - kept) / 200.0
    upto = np.cumsum(seen.counts)
    first, last = np.searchsorted(upto, np.array([cut, 1.0 - cut]) * upto[-1])
    edges = seen.edges
    return Range(max(seen.low, edges[first]), min(seen.high, edges[min(last, 2 * HALF - 1) + 1]))


def entropy(seen: Histogram) -> Range:
    counts, width = seen.folded()
    return _cut(seen, entropy_bins(counts) * width)


def mse(seen: Histogram) -> Range:
    """Least error of symmetric INT8: rounding within the cut, the whole distance beyond it."""
    counts, width = seen.folded()
    if len(counts) <= LEVELS:
        return minmax(seen)
    middles = (np.arange(len(counts)) + 0.5) * width
    cuts = np.linspace(LEVELS, len(counts), MSE_STEPS) * width
    errors = []
    for cut in cuts:
        step = cut / (LEVELS - 1)
        off = np.minimum(np.rint(middles / step), LEVELS - 1) * step - middles
        errors.append(float(counts @ (off * off)))
    return _cut(seen, float(cuts[int(np.argmin(errors))]))


METHODS = {"percentile": percentile, "minmax": minmax, "entropy": entropy, "mse": mse}


def _cut(seen: Histogram, threshold: float) -> Range:
    return Range(max(seen.low, -threshold), min(seen.high, threshold))


def entropy_bins(counts: np.ndarray) -> int:
    """How many of the first bins to keep, so that 128 levels of them lose the least information; the most such.

    `counts` of distances from zero. For each number of bins kept: the reference is their counts, what lies beyond added
    to the last; the candidate is their counts in 128 levels, each spread evenly over those of its bins that are not
    empty. Kullback and Leibler's divergence of the two is the loss. Zero is exact in every scale, and ReLU makes it the
    commonest value: the first bin counts as its neighbour does.
    """
    if len(counts) <= LEVELS:
        return len(counts)
    counts = counts.astype(np.float64)
    counts[0] = counts[1]
    beyond = counts.sum() - np.cumsum(counts)
    losses = [_loss(counts[:kept], beyond[kept - 1]) for kept in range(LEVELS, len(counts) + 1)]
    return LEVELS + len(losses) - 1 - int(np.argmin(losses[::-1]))


def _loss(counts: np.ndarray, beyond: float) -> float:
    kept = len(counts)
    starts = -(-np.arange(LEVELS) * kept // LEVELS)  # bin j is in level j * 128 // kept
    filled = counts > 0
    heights = np.add.reduceat(counts, starts) / np.maximum(1, np.add.reduceat(filled.astype(int), starts))
    spread = np.where(filled, heights[np.arange(kept) * LEVELS // kept], 0.0)
    reference = counts.copy()
    reference[-1] += beyond
    if not spread.any() or (reference[-1] > 0 and spread[-1] == 0):
        return np.inf
    p, q = reference[reference > 0] / reference.sum(), spread[reference > 0] / spread.sum()
    return float(np.sum(p * np.log(p / q)))


def _session(model: ModelProto) -> Any:
    """A session that gives every tensor to be watched, and their names; one thread, nothing fused."""
    import onnxruntime

    open_model = tidy(model)
    names: List[str] = watched(open_model)
    there = {output.name for output in open_model.graph.output}
    open_model.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names if name not in {*there, open_model.graph.input[0].name})
    options = settings()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return session(open_model.SerializeToString(), options), names


def _add(histogram: Histogram, values: np.ndarray, name: str) -> None:
    try:
        histogram.add(values)
    except ValueError as error:
        raise ModelError(f"On a calibration frame the tensor {name!r} {error}; the model is broken, or the frame is "
                         "nothing it was made for: jetracer data check SET") from error
