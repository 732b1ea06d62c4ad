"""Is INT8 worth it on this computer? Measured in turns with FP32, in every runtime that is installed; and why not."""
from __future__ import annotations

import platform
from collections import Counter
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Collection, Dict, Mapping, Optional, Sequence

import numpy as np
from onnx import ModelProto

from jetracer.engine.base import ENGINES
from jetracer.engine.cpu_build import LIBRARIES, MARGIN, TITLES
from jetracer.engine.interleave import asking, interleave
from jetracer.engine.parity import Parity
from jetracer.optimize.int8.graph import Graph, name_of, tidy
from jetracer.optimize.int8.scheme import ACTIVATIONS, JOINT, PASSING, scheme
from jetracer.perception.preprocess import Preprocess

Latencies = Dict[str, Dict[str, float]]


def in_turns(files: Mapping[str, Path], pictures: Sequence[np.ndarray], seconds: float) -> Latencies:
    """{name of the file: {runtime: median ms}} of one picture, one thread, all taking turns."""
    with ExitStack() as stack:
        engines = {(name, TITLES[library]): stack.enter_context(ENGINES.create(library, path))
                   for library, package in LIBRARIES.items() if find_spec(package) for name, path in files.items()}
        runs = {key: asking(engine, Preprocess(engine.card), pictures) for key, engine in engines.items()}
        took = interleave(runs, seconds)
    return {name: {title: round(found.p50_ms, 4) for (file, title), found in took.items() if file == name}
            for name in files}


def weight_bits_here(cpu: Optional[str] = None) -> int:
    """7 on an x86 CPU without VNNI, else 8; `cpu`: what /proc/cpuinfo says."""
    if cpu is None:
        try:
            cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        except OSError:
            cpu = ""
    flags = set(cpu.split())
    x86 = "fpu" in flags or (not flags and platform.machine() in ("x86_64", "AMD64"))
    return 7 if x86 and not flags & {"avx512_vnni", "avx_vnni"} else 8


def recommend(latency: Latencies, parity: Parity, reasons: str) -> Dict[str, str]:
    """What should drive on this computer, and why."""
    if not parity.passed:
        return {"precision": "fp32", "text": f"stays FP32: the INT8 file {parity}"}
    best = {name: min(times.items(), key=lambda one: one[1]) for name, times in latency.items()}
    (slow, slow_ms), (fast, fast_ms) = best["fp32"], best["int8"]
    told = f"INT8 takes {fast_ms:.2f} ms ({fast}), FP32 {slow_ms:.2f} ms ({slow})"
    if slow_ms < MARGIN * fast_ms:
        how = "slower" if slow_ms < fast_ms else "hardly faster"
        return {"precision": "fp32", "text": f"stays FP32 on this computer: INT8 is {how}. {told}{reasons}"}
    return {"precision": "int8", "text": f"INT8 is {slow_ms / fast_ms:.2f} times as fast here: {told}"}


def why_slow(graph: ModelProto, keep: Collection[str], weight_bits: int) -> str:
    """What keeps the CPU from gaining more by INT8, in words; begins with a separator, or is empty."""
    made = tidy(graph)
    plan, index = scheme(made, "cpu", keep), Graph(made)
    fit = {*JOINT, *PASSING, *ACTIVATIONS}
    back = Counter(node.op_type for node in index.nodes if name_of(node) not in plan.layers
                   and node.op_type not in fit and any(name in plan.source for name in node.input))
    kinds = ", ".join(f"{count} {kind}" for kind, count in back.most_common())
    told = [f"{sum(back.values())} nodes between its layers go back to float ({kinds})"] if back else []
    if weight_bits == 7:
        told.append("this CPU has no VNNI, the instructions that INT8 gains most by")
    return f"; {'; '.join(told)}" if told else ""
