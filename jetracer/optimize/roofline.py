"""The least that a model can take on a Jetson, from what NVIDIA publishes of it: a prediction, not measured.

Every layer takes at least as long as its multiplications at the peak rate, and as its bytes through the memory; the sum
of these is a lower bound (Williams, Waterman and Patterson 2009, "Roofline"). Starting kernels, small layers that
leave cores idle and clocks below the highest come on top: on small nets the truth may be several times as long.

Sources: NVIDIA's module data sheets and technical briefs, of the smallest module sold, highest clocks; the GPU alone,
without deep learning accelerators and without sparsity. TOPS that are published with sparsity are halved, and FP16 on
tensor cores is half of dense INT8.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from jetracer.core.errors import ModelError
from jetracer.engine.devices import choose_precision, device
from jetracer.graph.view import Graph
from jetracer.optimize.count import FREE, Layer, count_layers
from jetracer.optimize.optimised import optimised, read_fixed

LABEL = "prediction, not measured"


class Peak(NamedTuple):
    """Operations (a multiply-accumulate is two) and bytes, both in 1e9 per second."""

    fp32: float
    fp16: float
    int8: float
    memory: float

    def of(self, precision: str) -> float:
        return float(getattr(self, precision))


PEAKS = {
    "nano": Peak(236, 472, 0, 25.6),
    "tx2": Peak(665, 1330, 0, 59.7),
    "xavier-nx": Peak(845, 6150, 12_300, 59.7),
    "xavier-agx": Peak(1410, 11_000, 22_000, 136.5),
    "orin-nano": Peak(640, 5000, 10_000, 34.0),  # 4 GB; the 8 GB module has twice of both
    "orin-nx": Peak(1570, 12_500, 25_000, 102.4),
    "orin-agx": Peak(3330, 27_000, 54_000, 204.8),
    "thor": Peak(8060, 258_000, 517_000, 273.0),
}
_BYTES = {"fp32": 1.0, "fp16": 0.5, "int8": 0.25}  # of what the graph has in FP32


def lower_bound(path: Path, name: str, precision: str) -> Dict[str, Any]:
    """{"ms", "precision", "why", "label"} of a model whose card says `precision`, or {"ms": None, "why"}."""
    kind = device(name)
    if name not in PEAKS:
        return {"ms": None, "why": f"nothing is published of every {kind.title}", "label": LABEL}
    try:
        chosen, why = choose_precision(kind, kind.newest, "auto", precision)
    except ModelError as error:
        return {"ms": None, "why": str(error), "label": LABEL}
    layers = count_layers(_fused(path, precision))
    return {"ms": round(bound_ms(layers, PEAKS[name], chosen, precision), 4), "precision": chosen, "why": why,
            "label": LABEL}


def _fused(path: Path, precision: str) -> Graph:
    """Operators that follow a convolution are part of it, as TensorRT has it too; quantised files stay as they are."""
    return optimised(path, "extended") if precision == "fp32" else read_fixed(path)


def bound_ms(layers: List[Layer], peak: Peak, precision: str, model: str = "fp32") -> float:
    """Sum over the layers of the longer of the two."""
    smaller = _BYTES[precision] / (_BYTES["fp16"] if model == "fp16" else 1.0)
    working = [layer for layer in layers if layer.op not in FREE | {"QuantizeLinear", "DequantizeLinear"}]
    return 1e3 * sum(max(1e-9 * layer.flops / peak.of(precision), 1e-9 * layer.bytes * smaller / peak.memory)
                     for layer in working)
