"""What the engines that read an ONNX file share, whichever library then runs it: its file, its card, its memory.

Inputs and outputs are memory of our own, handed to the library once, so a call allocates nothing.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from jetracer.core.errors import CardError, ModelCorrupt, ModelError, ModelNotFound
from jetracer.engine.base import Engine
from jetracer.engine.card import ModelCard, find_card

_WARM_UP_RUNS = 3  # the first run lays out memory, the second still grows it


class Port(NamedTuple):
    """An input or an output of a graph. A side that is not fixed is no int."""

    name: str
    shape: Tuple[Any, ...]
    dtype: str  # numpy's name, or the library's own where numpy has none


class Graph(NamedTuple):
    """What a library read in a file."""

    inputs: List[Port]
    outputs: List[Port]
    metadata: Mapping[str, str]


class OnnxFileEngine(Engine):
    """An ONNX file with a model card. A library's engine fills in the four steps below.

    One thread by default: with two threads and one competing process on two cores the latency more than doubled.
    """

    def __init__(self, path: Union[str, Path], threads: int = 1) -> None:
        self.path = Path(path)
        self.threads = threads
        self._opened = False

    # what differs by library
    def _read(self) -> Graph:
        """Load the file. Raises ModelCorrupt, or ModelError where the library is not installed."""
        raise NotImplementedError

    def _bind(self, graph: Graph) -> None:
        """Make ready to run with `_input`, into `_outputs` unless that is None: then outputs change their size."""
        raise NotImplementedError

    def _run(self) -> Dict[str, np.ndarray]:
        raise NotImplementedError

    def _drop(self) -> None:
        raise NotImplementedError

    # what does not
    def open(self) -> None:
        """Load, check against its card and warm up. Raises ModelNotFound, ModelCorrupt, CardError or ModelError."""
        if self._opened:
            return
        check_file(self.path)
        graph = self._read()
        self.card = find_card(self.path, graph.metadata, graph.inputs[0].name, graph.outputs[0].name)
        check_against(self.card, graph, self.path)
        wanted = self.card.input
        self._input = np.zeros(wanted.shape, wanted.dtype)
        self._outputs = _memory(graph.outputs)
        self._bind(graph)
        for _ in range(_WARM_UP_RUNS):
            self._run()
        self._opened = True

    def close(self) -> None:
        self._drop()
        self._opened = False

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        if not self._opened:
            raise ModelError(f"{self.path} is not open; use `with` or call open() first.")
        np.copyto(self._input, check_input(inputs, self.card))
        return self._run()


def _memory(outputs: List[Port]) -> Optional[Dict[str, np.ndarray]]:
    """Room for all outputs, with a batch of 1; None when the size or type of one is not known before it runs."""
    room = {}
    for port in outputs:
        sides = [1 if index == 0 and not isinstance(side, int) else side for index, side in enumerate(port.shape)]
        if port.dtype not in _KNOWN or not all(isinstance(side, int) for side in sides):
            return None
        room[port.name] = np.zeros(sides, port.dtype)
    return room


_KNOWN = ("uint8", "int8", "float32", "float16", "int64", "int32", "bool")


def check_file(path: Path) -> None:
    """Raise ModelNotFound or ModelCorrupt for what can be told without loading."""
    if path.is_dir():
        raise ModelNotFound(f"{path} is a folder; give the model file in it, such as {path / 'road.onnx'}.")
    if not path.is_file():
        there = ", ".join(sorted(other.name for other in path.parent.glob("*.onnx"))[:5])
        hint = f"in that folder are: {there}." if there else "check the path."
        raise ModelNotFound(f"There is no model {path}; {hint}")
    if path.stat().st_size == 0:
        raise ModelCorrupt(f"{path} is empty; copy or export it again.")
    with path.open("rb") as file:
        if file.read(24).startswith(b"version https://git-lfs"):
            raise ModelCorrupt(f"{path} is only a Git LFS pointer; fetch the model itself with: git lfs pull")


def check_against(card: ModelCard, graph: Graph, path: Path) -> None:
    """The card and the graph must agree, or the network would be fed rubbish without a word."""
    if [port.name for port in graph.inputs] != [card.input.name]:
        names = ", ".join(repr(port.name) for port in graph.inputs)
        raise CardError(
            f"The card of {path} names the input {card.input.name!r}, but the model has {names}; correct it."
        )
    _, shape, dtype = graph.inputs[0]
    sides = zip(shape, card.input.shape)
    fits = len(shape) == 4 and all(not isinstance(n, int) or n == m for n, m in sides)
    if not fits or dtype != card.input.dtype:
        raise CardError(
            f"The card of {path} promises an input of {card.input.dtype} {list(card.input.shape)}, "
            f"but the model takes {dtype} {list(shape)}; correct the card or export the model again."
        )
    missing = [name for name in card.outputs if name not in {port.name for port in graph.outputs}]
    if missing:
        there = ", ".join(repr(port.name) for port in graph.outputs)
        raise CardError(
            f"The card of {path} names an output {missing[0]!r}, but the model has {there}; correct the card."
        )


def check_input(inputs: Dict[str, np.ndarray], card: ModelCard) -> np.ndarray:
    """The model's input, of what was given. Raises ModelError where it is not what the card says."""
    wanted = card.input
    given = inputs.get(wanted.name)
    if given is None or given.shape != wanted.shape or given.dtype != wanted.dtype:
        listed = ", ".join(f"{name}: {data.dtype} {list(data.shape)}" for name, data in inputs.items())
        raise ModelError(
            f"The model {card.name!r} takes {wanted.name}: {wanted.dtype} {list(wanted.shape)} ({wanted.color}), "
            f"but was given {listed or 'nothing'}; let perception prepare the picture."
        )
    return given


def first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
