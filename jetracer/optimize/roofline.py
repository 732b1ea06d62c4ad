"""The least that a model can take on a Jetson, from what NVIDIA publishes of it: a prediction, not measured.

Every layer takes at least as long as its multiplications at the peak rate, and as its bytes through the memory; the sum
of these is a lower bound (Williams, Waterman and Patterson 2009, "Roofline"). Starting kernels, small layers that
leave cores idle and clocks below the highest come on top: on small nets the truth may be several times as long.

The GPU alone, without deep learning accelerators and without sparsity, at the highest clock that NVIDIA's data sheet of
the module gives; of several modules of one name the smallest, so that a larger one may beat its row. A peak is
multiprocessors x operations in a clock x clock: the totals that NVIDIA publishes are often with sparsity, which doubles
them, and with the accelerators. `tests/optimize/test_roofline.py` holds them beside these.
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


# Operations in a clock of one multiprocessor, by compute capability, in FP32, FP16 and INT8: dense, on tensor cores
# where there are any. Sources: CUDA's table of the throughput of native arithmetic instructions (results in a clock,
# each of two operations); of tensor cores the totals that NVIDIA publishes: AGX Xavier's 22 TOPS of the GPU, AGX Orin's
# 170 sparse TOPS (technical brief), the T5000's 517 dense TFLOPS of FP8 (data sheet DS-11945-001), half of it in FP16
_PER_CLOCK = {"5.3": (256, 512, 0), "6.2": (256, 512, 0), "7.2": (128, 1024, 2048), "8.7": (256, 2048, 4096),
              "11.0": (256, 8192, 16_384)}


def peak(capability: str, multiprocessors: int, clock_ghz: float, memory: float) -> Peak:
    """`memory` in 1e9 bytes per second."""
    return Peak(*(float(operations * multiprocessors * clock_ghz) for operations in _PER_CLOCK[capability]), memory)


PEAKS = {
    "nano": peak("5.3", 1, 0.9216, 25.6),  # 128 cores: "472 GFLOPS" in FP16, "25.6 GB/s"
    "tx2": peak("6.2", 2, 1.3, 59.7),  # 8 GB, 256 cores, 1.30 GHz in mode Max-N: "1.33 TFLOPS" in FP16
    # 384 cores, 1100 MHz (data sheet DA-09366-001); "59.7 GB/s" in NVIDIA's list of modules, 51.2 in that data sheet
    "xavier-nx": peak("7.2", 6, 1.1, 59.7),
    # 512 cores, 1.377 GHz, 256 bits of memory at 2133 MHz: "11 TFLOPS (FP16), 22 TOPS (INT8)" of the GPU
    "xavier-agx": peak("7.2", 8, 1.377, 136.5),
    # 4 GB, 512 cores. In MAXN_SUPER of JetPack 6.2 1020 MHz, "34 TOPS" sparse, "51 GB/s"; before 625 MHz, "20", "34"
    "orin-nano": peak("8.7", 4, 1.02, 51.2),
    # 8 GB, 1024 cores. In MAXN_SUPER 1173 MHz, 58 TOPS dense, 20 of them of the accelerator (DS-10712-001 v1.7)
    "orin-nx": peak("8.7", 8, 1.173, 102.4),
    # 32 GB, 1792 cores, 939 MHz: "108 Sparse TOPS" of the GPU (DS-10662-001); 200 with the accelerators
    "orin-agx": peak("8.7", 14, 0.939, 204.8),
    # T4000, 1536 cores: "1200 TFLOPS" of sparse FP4 come of 1.53 GHz. The T5000 has 20 multiprocessors and 1.575 GHz
    "thor": peak("11.0", 12, 1.53, 273.0),
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
