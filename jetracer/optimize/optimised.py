"""A model's graph with the size of every tensor; as it is in its file, or as ONNX Runtime makes it before it runs it:
constants folded, operators fused, layouts chosen.

Nothing is run. With `level` "all" the graph is the one that this very computer would run: on processors with AVX the
convolutions then work on channels in blocks (domain com.microsoft.nchwc), with what follows them fused in.
"""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, List

from jetracer.core.errors import ModelError
from jetracer.engine.onnx_run import session, settings
from jetracer.graph.view import Graph, load_model, view
from jetracer.optimize.runtime_shapes import fill_in

LEVELS = {"basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}


def read_graph(path: Path) -> Graph:
    """For a batch of one. Raises ModelNotFound, ModelCorrupt, or ModelError where another side is not fixed."""
    return sized(load_model(path), str(path))


def sized(model: Any, name: str = "the model") -> Graph:
    """Of a ModelProto, which is changed: for a batch of one. Raises ModelError where another side is not fixed."""
    _batch_of_one(model, name)
    graph = view(model)
    fill_in(graph)
    return graph


def unknown(graph: Graph) -> List[str]:
    """Nodes whose output has a size that depends on the picture, or that cannot be told."""
    return [node.label for node in graph.top if not all(map(graph.sized, filter(None, node.outputs)))]


def optimised(path: Path, level: str = "all") -> Graph:
    """Raises ModelCorrupt where ONNX Runtime cannot load it."""
    import onnxruntime

    options = settings()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[level])
    for side in _batch_names(load_model(path)):
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
    if not unknown(graph):
        return graph
    try:
        folded = optimised(path, "basic")
    except ModelError:
        return graph
    return folded if len(unknown(folded)) < len(unknown(graph)) else graph


def _batch_of_one(model: Any, path: str) -> None:
    stored = {entry.name for entry in model.graph.initializer}
    for entry in model.graph.input:
        for at, side in enumerate(entry.type.tensor_type.shape.dim if entry.name not in stored else ()):
            if at and side.dim_value <= 0:
                raise ModelError(f"Side {at} of the input {entry.name!r} of {path} is not fixed; export the model "
                                 "for the size of picture that it will see.")
            side.dim_value = side.dim_value or 1
    for entry in model.graph.output:  # what was promised for another batch would contradict
        entry.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]


def _batch_names(model: Any) -> List[str]:
    """What the first side of the inputs is called where it is not fixed."""
    first = [entry.type.tensor_type.shape.dim[0] for entry in model.graph.input if entry.type.tensor_type.shape.dim]
    return sorted({side.dim_param for side in first if side.dim_param})
