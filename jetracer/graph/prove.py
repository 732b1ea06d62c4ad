"""Two models give the same answers, in ONNX Runtime, to the same random pictures."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

import numpy as np
import onnx

from jetracer.core.errors import ModelError
from jetracer.engine import onnx_run
from jetracer.engine.onnx_file import first_line
from jetracer.engine.onnx_run import Run

RUNS = 8
WITHIN = 1e-4  # of the largest answer: as `jetracer export` allows between a net and its file


def runner(model: Any) -> Run:
    """Of a ModelProto. ONNX's own slow reference runs what ONNX Runtime refuses, such as Upsample."""
    try:
        return onnx_run.runner(onnx_run.session(model.SerializeToString()))
    except ModelError:
        if not any(node.op_type == "Upsample" for node in model.graph.node):
            raise
        from onnx.reference import ReferenceEvaluator

        reference = ReferenceEvaluator(model)
        return lambda inputs: dict(zip(reference.output_names, reference.run(None, dict(inputs))))


def random_inputs(model: Any, seed: int) -> Dict[str, np.ndarray]:
    """Of the types that a ModelProto takes; a side that is not fixed is 1."""
    random = np.random.default_rng(seed)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = {}
    for entry in model.graph.input:
        if entry.name not in constants:
            tensor = entry.type.tensor_type
            inputs[entry.name] = _values(random, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type),
                                         [side.dim_value or 1 for side in tensor.shape.dim])
    return inputs


def _values(random: Any, kind: np.dtype, shape: List[int]) -> np.ndarray:
    if kind.kind == "b":
        return random.integers(0, 2, shape).astype(bool)
    if kind.kind in "iu":
        return random.integers(0, min(256, np.iinfo(kind).max), shape).astype(kind)
    return random.standard_normal(shape).astype(kind)


def difference(before: Any, after: Any, runs: int = RUNS, run: Any = None) -> float:
    """The largest difference of two models' answers, as a share of the largest answer.

    `run` runs what stands for `after`; by default ONNX Runtime. Inputs are made for `before` and given to `after` in
    its types. Raises ModelError where a model does not run, or where the answers have other names or sizes.
    """
    first, second = runner(before), run or runner(after)
    takes = None if run else {entry.name: onnx.helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type)
                              for entry in after.graph.input}
    worst, seen = 0.0, []
    for seed in range(runs):
        inputs = random_inputs(before, seed)
        given = inputs if takes is None else {name: value.astype(takes[name]) for name, value in inputs.items()}
        seen.append(_answers(first, inputs))
        worst = max(worst, *_apart(seen[-1], _answers(second, given)))
    if all(np.array_equal(value, one[name]) for one in seen[1:] for name, value in seen[0].items()):
        raise ModelError("The model answers the same to every input, so nothing can be proven of it; is it trained?")
    return worst


def _answers(run: Run, inputs: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    try:
        return run(inputs)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"The model does not run ({first_line(error)}).") from error


def _apart(wanted: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]) -> List[float]:
    if set(wanted) != set(given):
        raise ModelError(f"The answers have other names: {sorted(given)} instead of {sorted(wanted)}.")
    found = []
    for name, value in wanted.items():
        other = given[name]
        if value.shape != other.shape:
            raise ModelError(f"The answer {name!r} has the size {list(other.shape)} instead of {list(value.shape)}.")
        ours, theirs = value.astype(np.float64), other.astype(np.float64)
        same = np.isclose(ours, theirs, rtol=0, atol=0, equal_nan=True)
        apart = np.nan_to_num(np.where(same, 0.0, np.abs(ours - theirs)), nan=np.inf)  # not a number agrees with none
        largest = np.abs(ours[np.isfinite(ours)]).max() if np.isfinite(ours).any() else 0.0
        found.append(float(apart.max() / max(largest, 1e-9)) if apart.size else 0.0)
    return found


def agree(before: Any, after: Any) -> Tuple[bool, float]:
    """(the answers are the same but for rounding, the largest difference)."""
    worst = difference(before, after)
    return bool(worst <= WITHIN), worst
