"""FP16: half the size, and on a GPU about half the time; what would suffer from it stays in FP32.

A node stays in FP32
    by its kind      sums of many values, exponentials and their like, as in torch.amp's list of float32 operators
    by its range     where pictures bring what it takes or makes near 65504, the largest of FP16, or FP16 cannot hold
                     its weights
    by its effect    where the model's answer still moves too far: the nodes that move it most, until it does not
Measured with the rounding of FP16 (`half.emulated`): ONNX Runtime itself calculates FP16 in FP32 on a CPU.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Set

import numpy as np
import onnx
from onnx import numpy_helper

from jetracer.core.errors import ModelError
from jetracer.drive.prove import prove
from jetracer.engine.build import engine_place
from jetracer.engine.card import ModelCard, held_precision
from jetracer.graph.view import view
from jetracer.optimize.base import Report
from jetracer.optimize.frames import Frames, simulated
from jetracer.optimize.half import FLOAT, LARGEST, emulated, to_fp16, to_half
from jetracer.optimize.run import answers, apart, measures, ranges, read_model, write_child

# PyTorch, Automatic Mixed Precision: ops that autocast to float32, by their names in ONNX
BY_KIND = frozenset({
    "Acos", "Asin", "Cosh", "CumSum", "Exp", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "Log",
    "LogSoftmax", "LpNormalization", "Pow", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceProd", "ReduceSum", "ReduceSumSquare", "Sinh", "Softmax", "Softplus", "Tan",
})
HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
PROBES = 32  # pictures, where nobody gives any
BEHIND = "it stands behind FP32"
LOST = 0.01  # share of its weights' magnitude that a node may lose


@dataclass(frozen=True)
class Fp16Config:
    out: str = ""  # empty: MODEL.fp16.onnx beside it
    budget: float = 0.2  # % of the picture's width by which the aim may move, on any of the pictures
    margin: float = 4.0  # times that what flows may grow beyond what the pictures showed
    command: str = ""  # for the card


class Cast(NamedTuple):
    model: onnx.ModelProto
    kept: Dict[str, str]  # the name of every node that stays in FP32 -> why


def fp16(model: str, data: Frames, config: Fp16Config = Fp16Config()) -> Report:
    """Write the model in FP16, and compare it with its parent so that it may drive.

    Raises ModelError where the aim would move too far, or it is no FP32 model.
    """
    source, out = Path(model), Path(config.out or engine_place(Path(model)).with_suffix(".fp16.onnx"))
    report = cast_file(source, out, data, config)
    parity = prove(out, source)
    return replace(report, notes=(*report.notes, f"it {parity}"),
                   details={**report.details, "may_drive": parity.passed})


def for_build(source: Path, out: Path) -> None:
    """For `jetracer build`, which compares its engine itself: the model in FP16. Raises ModelError."""
    cast_file(source, out, simulated(PROBES), Fp16Config(command=f"jetracer build {source}"))


def cast_file(source: Path, out: Path, data: Frames, config: Fp16Config) -> Report:
    """Write `source` in FP16 as `out`, which may not drive yet. Raises ModelError."""
    graph, card = read_model(source)
    cast = converted(graph, card, data.pictures, config)
    before = answers(graph, card, data.pictures)
    after = answers(emulated(cast.model), card, data.pictures)
    moved = apart(card, after, before)
    moved_percent = {"mean": round(float(moved.mean()), 5), "max": round(float(moved.max()), 5)}
    write_child(out, cast.model, source, replace(
        card, precision=held_precision(cast.model), created_by=config.command,
        metrics={"moved_percent": moved_percent["max"], "pictures": len(data), "float32_nodes": len(cast.kept)}))
    return Report(
        "fp16", measures(source, card, before, data), measures(out, card, after, data), {"fp16": str(out)},
        (f"the aim moves by at most {moved.max():.3f} % of the picture's width, on {data.source}", *_told(cast.kept),
         "a CPU has no FP16 and gains nothing by it; a GPU does"),
        {"kept_fp32": cast.kept, "moved_percent": moved_percent, "pictures": data.source})


def _told(kept: Mapping[str, str]) -> List[str]:
    reasons = [f"{name} ({why})" for name, why in kept.items() if why != BEHIND]
    behind = len(kept) - len(reasons)
    return [f"in FP32 stay {', '.join(reasons)}" + (f" and {behind} light nodes behind them" if behind else "")
            ] if kept else []


def converted(model: onnx.ModelProto, card: ModelCard, pictures: np.ndarray, config: Fp16Config = Fp16Config()
              ) -> Cast:
    """The graph in FP16, measured on pictures (N,H,W,3) uint8 BGR. Raises ModelError."""
    refuse(model)
    kept = {node.output[0]: "by its kind" for node in model.graph.node if node.op_type in BY_KIND}
    kept.update(out_of_range(model, ranges(model, card, pictures), config.margin))
    wanted = answers(model, card, pictures)

    def moved(keep: Set[str]) -> float:
        return float(apart(card, answers(emulated(to_half(model, keep)), card, pictures), wanted).max())

    if moved(set(kept)) > config.budget:
        kept.update(by_effect(model, set(kept), moved, config.budget))
    kept.update(between(model, set(kept)))
    names = {node.output[0]: f"{node.op_type} {node.name or node.output[0]}" for node in model.graph.node}
    return Cast(to_half(model, set(kept)), {names[output]: why for output, why in kept.items()})


def by_effect(model: onnx.ModelProto, kept: Set[str], moved: Callable[[Set[str]], float], budget: float
              ) -> Dict[str, str]:
    """Which nodes to keep beside `kept`, by their first outputs: as few as suffice of those that alone move most."""
    every = {node.output[0] for node in model.graph.node}
    alone = {output: moved(every - {output}) for output in sorted(every - kept)}
    worst = sorted((output for output in alone if alone[output] > 0.0), key=lambda output: -alone[output])
    for count in range(1, len(worst) + 1):
        if moved(kept | set(worst[:count])) <= budget:
            return {output: f"alone it moves the aim by {alone[output]:.3f} %" for output in worst[:count]}
    raise ModelError(f"In FP16 the aim moves by more than {budget:g} % of the picture's width, whichever nodes stay in "
                     "FP32; keep the model as it is, or allow more with --budget.")


def between(model: onnx.ModelProto, kept: Set[str]) -> Dict[str, str]:
    """Light nodes that take nothing but FP32 from kept ones: in FP16 they would cost casts and gain nothing."""
    types, wide = view(model).types, set()
    weights = {value.name for value in model.graph.initializer}
    found: Dict[str, str] = {}
    for node in model.graph.node:
        floats = {name for name in node.input if types.get(name) == FLOAT} - weights
        if node.output[0] in kept:
            wide.update(node.output)
        elif floats and floats <= wide and node.op_type not in HEAVY:
            wide.update(node.output)
            found[node.output[0]] = BEHIND
    return found


def refuse(model: onnx.ModelProto) -> None:
    """Raises ModelError for a model that is no plain FP32."""
    held = held_precision(model)
    if held != "fp32":
        raise ModelError(f"The model is in {held.upper()} already; give the one in FP32 that it was made from.")
    inner = [node for node in model.graph.node if any(entry.g.node or entry.graphs for entry in node.attribute)]
    if inner:
        raise ModelError(f"{inner[0].op_type} {inner[0].name!r} holds a graph of its own, which cannot be cast; "
                         "export the model without loops and branches.")


def out_of_range(model: onnx.ModelProto, largest: Mapping[str, float], margin: float) -> Dict[str, str]:
    """Nodes, by their first outputs, that take, hold or make what FP16 cannot hold, and why."""
    weights = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
    # what is added may be as small as it likes; one that overflows shows in what the node makes
    biases = {name for node in model.graph.node if node.op_type in HEAVY for name in node.input[2:]}
    why: Dict[str, str] = {}
    for node in model.graph.node:
        reached = max((largest.get(name, 0.0) for name in [*node.input, *node.output]), default=0.0)
        if reached * margin > LARGEST:
            why[node.output[0]] = f"it reaches {reached:.3g}, FP16 ends at {LARGEST:.0f}"
        elif any(lost(weights[name]) > LOST for name in node.input if name in weights and name not in biases):
            why[node.output[0]] = "FP16 does not hold its weights"
    return why


def lost(weights: np.ndarray) -> float:
    """The share of their magnitude that weights lose in FP16; infinite where one overflows."""
    if weights.dtype != np.float32 or not weights.any():
        return 0.0
    exact = weights.astype(np.float64)
    return float(np.abs(exact - to_fp16(weights)).sum() / np.abs(exact).sum())
