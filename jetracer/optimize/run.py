"""An ONNX graph in memory, run on pictures: its answers, what flows inside, and how far two answers lie apart."""
from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import onnx

from jetracer.core.config import write_bytes
from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.engine.card import ModelCard, find_card, write_card
from jetracer.engine.load import sha256_of
from jetracer.engine.onnx_file import first_line
from jetracer.engine.onnx_run import session
from jetracer.graph.view import load_model, view
from jetracer.optimize.base import Measures
from jetracer.optimize.count import count_layers
from jetracer.optimize.frames import Frames
from jetracer.optimize.half import FLOAT
from jetracer.optimize.optimised import read_graph
from jetracer.perception.preprocess import Preprocess


def flow(model: onnx.ModelProto, inputs: Iterable[np.ndarray], names: Sequence[str]) -> Iterator[List[np.ndarray]]:
    """The float32 tensors `names`, be they inside the graph, for one input of batch 1 after another."""
    loaded = session(with_outputs(model, names).SerializeToString())
    given = loaded.get_inputs()[0].name
    asked = [name for name in names if name != given]
    for one in inputs:
        made = dict(zip(asked, loaded.run(asked, {given: one})))
        yield [made.get(name, one) for name in names]


def prepared(card: ModelCard, pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Pictures (H,W,3) uint8 BGR as the model takes them, one by one."""
    prepare = Preprocess(card)
    return (prepare(picture) for picture in pictures)


def answers(model: onnx.ModelProto, card: ModelCard, pictures: np.ndarray) -> Dict[str, np.ndarray]:
    """(N,...) of every output that the card names."""
    names = list(card.outputs)
    rows = list(flow(model, prepared(card, pictures), names))
    return {name: np.stack([row[at] for row in rows])[:, 0] for at, name in enumerate(names)}


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """A copy that answers these inner float32 tensors too."""
    model = deepcopy(model)
    there = {value.name for value in [*model.graph.output, *model.graph.input]}
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, FLOAT, None)
                              for name in names if name not in there)
    return model


def ranges(model: onnx.ModelProto, card: ModelCard, pictures: np.ndarray) -> Dict[str, float]:
    """The largest magnitude of every float32 tensor that a node makes. Raises ModelError where one is not finite."""
    types = view(model).types
    names = [name for node in model.graph.node for name in node.output if types.get(name) == FLOAT]
    largest = np.zeros(len(names))
    for row in flow(model, prepared(card, pictures), names):
        largest = np.maximum(largest, [np.abs(value).max(initial=0.0) for value in row])
    if not np.isfinite(largest).all():
        raise ModelError(f"The model's tensor {names[int(np.argmin(np.isfinite(largest)))]} is not finite in FP32: "
                         "train or export it again.")
    return dict(zip(names, largest.tolist()))


def apart(card: ModelCard, one: Dict[str, np.ndarray], other: Dict[str, np.ndarray]) -> np.ndarray:
    """(N,) how far answers lie from those of the `other`: of a road model the aim's distance in % of the picture's
    width, else the largest difference in % of the largest answer. What is not finite is infinitely far."""
    aim = card.output("aim")
    if aim is not None:
        distance = 50.0 * np.linalg.norm(one[aim].clip(-1.0, 1.0) - other[aim].clip(-1.0, 1.0), axis=-1)
    else:
        parts = [np.abs(one[name] - other[name]).reshape(len(one[name]), -1).max(axis=1)
                 / max(1e-9, float(np.abs(other[name]).max())) for name in card.outputs]
        distance = 100.0 * np.max(parts, axis=0)
    return np.where(np.isfinite(distance), distance, np.inf)


def aim_errors(card: ModelCard, given: Dict[str, np.ndarray], aims: np.ndarray) -> np.ndarray:
    """(M,) distance in px of a picture 224 wide from the right aims (N,2), where they are known."""
    known = np.isfinite(aims).all(axis=1)
    aim = card.output("aim")
    return 112.0 * np.linalg.norm(given[aim][known].clip(-1.0, 1.0) - aims[known], axis=1) if aim else np.empty(0)


def measures(path: Path, card: ModelCard, given: Dict[str, np.ndarray], frames: Frames) -> Measures:
    """The file's size, its multiplications and, where the right aims are known, its error."""
    errors = aim_errors(card, given, frames.aims)
    error = {"mean_px": round(float(errors.mean()), 4), "max_px": round(float(errors.max()), 4)} if len(errors) else {}
    return Measures(path.stat().st_size, macs(path), error=error)


def macs(path: Path) -> Optional[int]:
    """Multiplications for one picture; None where they depend on the picture's size."""
    try:
        return sum(layer.macs for layer in count_layers(read_graph(path)))
    except ModelError:
        return None


def read_model(path: Path) -> Tuple[onnx.ModelProto, ModelCard]:
    """A model's graph and its card. Raises ModelNotFound, ModelCorrupt, CardError or ModelError."""
    model = load_model(path)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelCorrupt(f"{path} is no valid ONNX model ({first_line(error)}); export it again.") from error
    return model, find_card(path, {entry.key: entry.value for entry in model.metadata_props})


def write_child(path: Path, model: onnx.ModelProto, source: Path, card: ModelCard) -> None:
    """Write a model that was made from the one at `source`, whole or not at all; its card names that as its parent."""
    write_bytes(path, model.SerializeToString())
    write_card(path, replace(card, parents=(sha256_of(source), *card.parents)))
