"""A model's graph as ONNX Runtime makes it before it runs it: constants folded, operators fused, layouts chosen.

Nothing is run. With `level` "all" the graph is the one that this very computer would run: on processors with AVX the
convolutions then work on channels in blocks (domain com.microsoft.nchwc), with what follows them fused in.
"""
from __future__ import annotations

import tempfile
from pathlib import Path

from jetracer.core.errors import ModelError
from jetracer.engine.onnx_run import session, settings
from jetracer.optimize.graph import Graph, batch_names, read_graph

LEVELS = {"basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}


def optimised(path: Path, level: str = "all") -> Graph:
    """Raises ModelCorrupt where ONNX Runtime cannot load it."""
    import onnxruntime

    options = settings()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[level])
    for side in batch_names(path):
        options.add_free_dimension_override_by_name(side, 1)
    with tempfile.TemporaryDirectory(prefix="jetracer-") as folder:
        made = Path(folder) / "optimised.onnx"
        options.optimized_model_filepath = str(made)
        session(path, options)
        return read_graph(made)


def read_fixed(path: Path) -> Graph:
    """The graph as it is in the file; where its shapes are calculated in it, as ONNX Runtime works them out.

    Raises ModelError where a matrix product's or a convolution's size depends on the picture.
    """
    graph = read_graph(path)
    if not graph.unknown():
        return graph
    try:
        folded = optimised(path, "basic")
    except ModelError:
        return graph
    return folded if len(folded.unknown()) < len(graph.unknown()) else graph
