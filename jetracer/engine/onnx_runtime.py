"""ONNX Runtime on the CPU: the engine that runs everywhere.

One thread by default: with two threads and one competing process on two cores the latency more than doubled.
Inputs and outputs are bound once to memory of our own, so a call allocates nothing.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Union

import numpy as np

from jetracer.core.errors import CardError, ModelCorrupt, ModelError, ModelNotFound
from jetracer.engine.base import Engine
from jetracer.engine.card import ModelCard, find_card

_WARM_UP_RUNS = 3  # the first run lays out memory, the second still grows it
_TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class OnnxEngine(Engine):
    """An ONNX file with a model card."""

    def __init__(self, path: Union[str, Path], threads: int = 1) -> None:
        self.path = Path(path)
        self.threads = threads
        self._session: Any = None
        self._binding: Any = None

    def open(self) -> None:
        """Load, check against its card and warm up. Raises ModelNotFound, ModelCorrupt or CardError."""
        if self._session is not None:
            return
        check_file(self.path)
        session = self._load()
        inputs, outputs = session.get_inputs(), session.get_outputs()
        metadata = session.get_modelmeta().custom_metadata_map
        card = find_card(self.path, metadata, inputs[0].name, outputs[0].name)
        check_against(card, inputs, outputs, self.path)
        self.card, self._session = card, session
        self._prepare(outputs)
        for _ in range(_WARM_UP_RUNS):
            self.infer({card.input.name: self._input})

    def close(self) -> None:
        self._session = self._binding = None

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        if self._session is None:
            raise ModelError(f"{self.path} is not open; use `with` or call open() first.")
        given = inputs.get(self.card.input.name)
        if given is None or given.shape != self._input.shape or given.dtype != self._input.dtype:
            raise ModelError(misfit(inputs, self.card))
        np.copyto(self._input, given)
        if self._binding is None:
            answers = self._session.run(None, {self.card.input.name: self._input})
            return dict(zip(self._output_names, answers))
        self._session.run_with_iobinding(self._binding)
        return self._outputs

    def _load(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError("ONNX models need ONNX Runtime; run: pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        # threads that spin while they wait take the core from the camera and the guard
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions share no base class below Exception
            raise ModelCorrupt(
                f"{self.path} is no model that ONNX Runtime {onnxruntime.__version__} can load "
                f"({first_line(error)}); copy or export it again, or update onnxruntime."
            ) from error

    def _prepare(self, outputs: list) -> None:
        """Bind input and outputs to fixed memory; outputs of changing size keep the plain call."""
        wanted = self.card.input
        self._input = np.zeros(wanted.shape, wanted.dtype)
        self._output_names = [output.name for output in outputs]
        shapes = [fixed_shape(output.shape) for output in outputs]
        if None in shapes or any(output.type not in _TYPES for output in outputs):
            return
        self._outputs = {o.name: np.zeros(s, _TYPES[o.type]) for o, s in zip(outputs, shapes)}
        binding = self._session.io_binding()
        data = self._input
        binding.bind_input(wanted.name, "cpu", 0, data.dtype.type, data.shape, data.ctypes.data)
        for name, data in self._outputs.items():
            binding.bind_output(name, "cpu", 0, data.dtype.type, data.shape, data.ctypes.data)
        self._binding = binding


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


def check_against(card: ModelCard, inputs: list, outputs: list, path: Path) -> None:
    """The card and the graph must agree, or the network would be fed rubbish without a word."""
    if [entry.name for entry in inputs] != [card.input.name]:
        names = ", ".join(repr(entry.name) for entry in inputs)
        raise CardError(
            f"The card of {path} names the input {card.input.name!r}, but the model has {names}; correct it."
        )
    shape, kind = inputs[0].shape, inputs[0].type
    sides = zip(shape, card.input.shape)
    fits = len(shape) == 4 and all(not isinstance(n, int) or n == m for n, m in sides)
    if not fits or _TYPES.get(kind) is not np.dtype(card.input.dtype).type:
        raise CardError(
            f"The card of {path} promises an input of {card.input.dtype} {list(card.input.shape)}, "
            f"but the model takes {kind} {shape}; correct the card or export the model again."
        )
    missing = [name for name in card.outputs if name not in {output.name for output in outputs}]
    if missing:
        there = ", ".join(repr(output.name) for output in outputs)
        raise CardError(
            f"The card of {path} names an output {missing[0]!r}, but the model has {there}; correct the card."
        )


def fixed_shape(shape: list) -> Any:
    """The shape with batch 1, or None when another side is not fixed."""
    sides = [1 if index == 0 and not isinstance(side, int) else side for index, side in enumerate(shape)]
    return tuple(sides) if all(isinstance(side, int) for side in sides) else None


def misfit(inputs: Dict[str, np.ndarray], card: ModelCard) -> str:
    listed = [f"{name}: {data.dtype} {list(data.shape)}" for name, data in inputs.items()]
    given, wanted = ", ".join(listed) or "nothing", card.input
    return (
        f"The model {card.name!r} takes {wanted.name}: {wanted.dtype} {list(wanted.shape)} ({wanted.color}), "
        f"but was given {given}; let perception prepare the picture."
    )


def first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
