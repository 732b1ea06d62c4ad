"""Parts of a graph as models of their own, and the file that says how they belong together."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
import onnx
from onnx import helper

from jetracer.core.config import write_bytes
from jetracer.core.errors import ModelError
from jetracer.engine.base import sha256_of
from jetracer.engine.card import CARD_KEY
from jetracer.engine.devices import Version, dotted
from jetracer.engine.hybrid import Plan, PlannedPart, write_plan
from jetracer.engine.onnx_run import Run
from jetracer.graph import prove
from jetracer.graph.fold import simplify
from jetracer.graph.lower import lower
from jetracer.graph.operators import newest_opset
from jetracer.graph.parts import TENSORRT, Part, cut, divide, refused
from jetracer.graph.view import STANDARD, Graph, view


class Divided(NamedTuple):
    """`models` are the parts' own, in the order in which they run."""

    parts: List[Part]
    models: List[Any]


def take_apart(model: Any, tensorrt: Version, in_two: bool = False) -> Divided:
    """Divide a model for a TensorRT. Raises ModelError where that does not help."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    simplify(whole)
    graph = view(whole)
    unfit = refused(graph, tensorrt)
    parts = (cut if in_two else divide)(graph, lambda node: node.index not in unfit)
    if not any(part.works for part in parts if part.runs == TENSORRT):
        raise ModelError(f"TensorRT {dotted(tensorrt)} takes no part of this model that is worth it: run all of it "
                         "with ONNX Runtime.")
    _know(graph, {name for part in parts for name in (*part.inputs, *part.outputs)})
    models = [_own(graph, part) for part in parts]
    for part, one in zip(parts, models):
        if part.runs == TENSORRT:
            lower(one, newest_opset(tensorrt))
    return Divided(parts, models)


def _know(graph: Graph, names: Any) -> None:
    """Types and sizes that inference does not know: ONNX Runtime runs the model once and is asked."""
    missing = sorted(name for name in names if name not in graph.types or graph.shapes.get(name) is None)
    if not missing:
        return
    asking = onnx.ModelProto()
    asking.CopyFrom(graph.model)
    del asking.graph.output[:]
    asking.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
    answers = prove.runner(asking)(prove.random_inputs(graph.model, 0))
    for name, value in answers.items():
        graph.types[name] = helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype)
        graph.shapes.setdefault(name, None)
        if graph.shapes[name] is None:
            graph.shapes[name] = tuple(np.asarray(value).shape)


def _own(graph: Graph, part: Part) -> Any:
    """A part as a ModelProto."""
    read = set().union(*(node.reads() for node in part.nodes))
    ends = {entry.name: entry for entry in (*graph.outputs, *graph.inputs)}

    def declared(name: str) -> Any:
        shape = graph.shapes.get(name)
        sides = None if shape is None else [f"{name}/{at}" if side is None else side for at, side in enumerate(shape)]
        return ends.get(name) or helper.make_tensor_value_info(name, graph.types[name], sides)

    constants = [tensor for tensor in graph.model.graph.initializer if tensor.name in read]
    proto = helper.make_graph([node.proto for node in part.nodes], "part", [declared(name) for name in part.inputs],
                              [declared(name) for name in part.outputs], constants)
    functions = list(graph.model.functions)
    domains = {*STANDARD, *(node.domain for node in graph.nodes), *(entry.domain for entry in functions)}
    sets = [entry for entry in graph.model.opset_import if entry.domain in domains]
    return helper.make_model(proto, opset_imports=sets, ir_version=graph.model.ir_version, functions=functions)


def run_parts(divided: Divided) -> Run:
    """Runs the parts one after the other, all in ONNX Runtime."""
    runs = [prove.runner(model) for model in divided.models]

    def run(inputs: Any) -> Dict[str, np.ndarray]:
        known = dict(inputs)
        for part, one in zip(divided.parts, runs):
            known.update(one({name: known[name] for name in part.inputs}))
        return known

    return run


def same_answers(model: Any, divided: Divided) -> float:
    """The largest difference between the model and its parts in a row, as a share of the largest answer."""
    run = run_parts(divided)
    ends = [entry.name for entry in model.graph.output]
    return prove.difference(model, None, run=lambda inputs: {name: run(inputs)[name] for name in ends})


def write_parts(divided: Divided, model: Path, out: Path, tensorrt: Version) -> Tuple[Plan, float]:
    """OUT.hybrid, and OUT.1.onnx, OUT.2.onnx ... beside it; the plan and the largest difference of the answers.

    Raises ModelError when the answers differ, ConfigError when it cannot be written.
    """
    whole = onnx.load(str(model))
    worst = same_answers(whole, divided)
    if not worst <= prove.WITHIN:
        raise ModelError(f"The parts answer differently, by {worst:.2g} of the largest answer, and were not written; "
                         "run the model as it is with ONNX Runtime.")
    cards = {entry.key: entry.value for entry in whole.metadata_props}
    planned = []
    for number, (part, one) in enumerate(zip(divided.parts, divided.models), 1):
        name, data = f"{out.stem}.{number}.onnx", one.SerializeToString()
        write_bytes(out.with_name(name), data)
        planned.append(PlannedPart(part.runs, name, hashlib.sha256(data).hexdigest(), part.inputs, part.outputs))
    plan = Plan(model=str(model), model_sha256=sha256_of(model),
                card=json.loads(cards.get(CARD_KEY, "{}")), tensorrt=dotted(tensorrt), parts=tuple(planned))
    write_plan(out, plan)
    return plan, worst
