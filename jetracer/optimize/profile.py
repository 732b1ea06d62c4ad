"""`jetracer profile`: what each layer of a model costs, and how long it takes, predicted and measured.

Layers are those of the file; operators are what ONNX Runtime makes of them on this computer, for those are timed.
"""
from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from jetracer.core.errors import ModelError
from jetracer.engine.card import CARD_KEY, ModelCard, sidecar
from jetracer.engine.devices import DEVICES
from jetracer.graph.view import Graph
from jetracer.optimize.count import Layer, count_layers, not_counted
from jetracer.optimize.node_times import Reference, Watched, node_medians_s
from jetracer.optimize.optimised import optimised, read_fixed
from jetracer.optimize.roofline import LABEL, lower_bound
from jetracer.optimize.speed import Speed, load, place

HERE = "cpu"
_LEAST_ROUNDS = 8


def profile_model(path: Path, devices: Sequence[str] = (), seconds: float = 2.0) -> Dict[str, Any]:
    """Everything about one model, JSON-ready; see docs/profile.md. `devices`: () for all that something is known of;
    `seconds` of measuring, 0 for none. Raises ModelError and its kin."""
    graph = read_fixed(path)
    layers = count_layers(graph)
    card = card_of(path, graph)
    precision = card.precision if card else "fp32"
    result = {
        "model": str(path), "size_bytes": path.stat().st_size, "precision": precision,
        **totals(layers), "layers": [_layer(layer) for layer in layers], "notes": not_counted(graph),
    }
    result.update(_here(path, devices, seconds, result["notes"]))
    others = [name for name in devices or DEVICES if name != HERE]
    bounds = {name: lower_bound(path, name, precision) for name in others}
    predicted = {name: bound["ms"] for name, bound in bounds.items() if bound["ms"] is not None}
    result["predicted_ms"].update(predicted)
    result["predictions"] = {**result["predictions"], **bounds}
    return result


def totals(layers: Sequence[Layer]) -> Dict[str, int]:
    """Sums over the layers, and what the largest map takes."""
    return {"params": sum(layer.params for layer in layers), "macs": sum(layer.macs for layer in layers),
            "flops": sum(layer.flops for layer in layers),
            "other_flops": sum(layer.other_flops for layer in layers), "bytes": sum(layer.bytes for layer in layers)}


def macs_of(path: Path) -> int:
    """Multiply-accumulates for one picture. Raises ModelError and its kin."""
    return sum(layer.macs for layer in count_layers(read_fixed(Path(path))))


def card_of(path: Path, graph: Graph) -> Optional[ModelCard]:
    """The model's card, or None: a model can be profiled without one."""
    beside = sidecar(path)
    if beside.is_file():
        return ModelCard.from_json(beside.read_text(encoding="utf-8"), str(beside))
    text = graph.metadata.get(CARD_KEY)
    return ModelCard.from_json(text, f"The card in {path}") if text else None


def _layer(layer: Layer) -> Dict[str, Any]:
    return {"name": layer.name, "op": layer.op, "params": layer.params, "macs": layer.macs, "flops": layer.flops,
            "other_flops": layer.other_flops, "bytes": layer.bytes,
            "shape": list(layer.shape) if layer.shape is not None else None}


def _here(path: Path, devices: Sequence[str], seconds: float, notes: List[str]) -> Dict[str, Any]:
    """What concerns this computer: predicted, measured, and operator by operator."""
    found: Dict[str, Any] = {"latency_ms": None, "predicted_ms": {}, "predictions": {}, "operators": []}
    watched = _measured(path, seconds) if seconds > 0 else None
    fused = watched.graph if watched else None
    speed = None
    if not devices or HERE in devices:
        fused = fused or optimised(path)
        speed = _speed(fused, notes)
    rows = [{"name": node.label, "op": node.op} for node in fused.top] if fused else []
    if speed:
        now_s = float(np.median(watched.references_s)) if watched else speed.reference_s
        predicted = speed.node_times_s(fused) * (now_s / speed.reference_s)
        _fill(rows, "predicted_us", predicted)
        found["predicted_ms"][HERE] = round(1e3 * float(predicted.sum()), 4)
        why = f"prices of operators on {speed.cpu}, ONNX Runtime {speed.onnxruntime}, one thread"
        found["predictions"][HERE] = {"ms": found["predicted_ms"][HERE], "label": LABEL, "why": why}
    if watched:
        walls_ms = 1e3 * np.array(watched.walls_s)
        found["latency_ms"] = dict(zip(("p50", "p99"), np.round(np.percentile(walls_ms, (50, 99)), 4).tolist()))
        reference_s = float(np.median(watched.references_s))
        _fill(rows, "measured_us", node_medians_s({"": watched}, reference_s)[""])
        watched.close()
    return {**found, "operators": rows}


def _fill(rows: List[Dict[str, Any]], key: str, times_s: np.ndarray) -> None:
    for row, time_s in zip(rows, times_s):
        row[key] = round(1e6 * float(time_s), 2)


def _speed(graph: Graph, notes: List[str]) -> Optional[Speed]:
    """What operators cost here, if that is known and holds for this model."""
    try:
        speed = load(place())
        speed.node_times_s(graph)
    except ModelError as error:
        notes.append(str(error))
        return None
    if any(node.op.startswith(("QLinear", "Quantize", "Dequantize", "MatMulInteger")) for node in graph.top):
        notes.append("The prices are of FP32: they say nothing of INT8, so nothing is predicted for this CPU.")
        return None
    return speed


def _measured(path: Path, seconds: float) -> Watched:
    """The model beside the reference, in turns."""
    watched, reference = Watched(path), Reference()
    until_s = time.monotonic() + seconds
    while len(watched.walls_s) < _LEAST_ROUNDS or time.monotonic() < until_s:
        watched.burst(reference)
    return watched
