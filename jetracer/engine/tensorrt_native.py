"""Step 3, execute: a plan on the GPU, and the engine file that drives."""
from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import numpy as np

from jetracer.core.device import Device
from jetracer.core.errors import CardError, EngineRefused, ModelError
from jetracer.engine.base import Engine
from jetracer.engine.card import ModelCard
from jetracer.engine.cuda import Cuda
from jetracer.engine.engine_file import check_fits, may_drive, read_engine
from jetracer.engine.newest import Newest
from jetracer.engine.onnx_file import check_input
from jetracer.engine.tensorrt_base import Adapter, Report, Tensor, adapter_for, import_tensorrt

_WARM_UP_RUNS = 3


class Execution(Device):
    """A loaded plan. Memory is taken once, the host's is pinned; a run copies the inputs in and the outputs out.

    Where CUDA and the plan allow it, a run is one CUDA graph, which costs the CPU one launch; `captured` says so.
    Proves nothing about the plan: to drive, load an engine file.
    """

    def __init__(self, adapter: Adapter, cuda: Any, plan: bytes) -> None:
        self._adapter, self._cuda, self._plan = adapter, cuda, plan
        self._engine: Any = None
        self._context: Any = None
        self._graph: Any = None
        self.tensors: List[Tensor] = []
        self.host: Dict[str, np.ndarray] = {}

    @property
    def captured(self) -> bool:
        return self._graph is not None

    def open(self) -> None:
        """Raises ModelError when TensorRT does not load the plan, or its sizes are not fixed."""
        if self._context is not None:
            return
        self._engine, self._context = self._adapter.load(self._plan)
        self.tensors = self._adapter.tensors(self._engine)
        for tensor in self.tensors:
            if any(side < 0 for side in tensor.shape):
                raise ModelError(f"The engine's {tensor.name} has no fixed size {list(tensor.shape)}: "
                                 "export the model with a batch of 1.")
        self.host = {tensor.name: self._cuda.host_array(tensor.shape, tensor.dtype) for tensor in self.tensors}
        self._addresses = [self._cuda.device_memory(self.host[tensor.name].nbytes) for tensor in self.tensors]
        self._enqueue = self._adapter.bind(self._context, self.tensors, self._addresses)
        self.run()  # TensorRT takes what it still needs in its first run, which no graph may hold
        self._graph = self._cuda.capture(self._ask)

    def close(self) -> None:
        self._context = self._engine = self._graph = None
        self.host.clear()

    def run(self) -> Dict[str, np.ndarray]:
        """Answers to what is in `host`, as copies: pinned memory is gone once CUDA is closed."""
        self.start()
        return self.finish()

    def start(self) -> None:
        """Ask for a run and go on. What is in `host` is read until `done`: leave it until then."""
        self._cuda.use()
        if self._graph is not None:
            self._cuda.launch(self._graph)
        else:
            self._ask()

    @property
    def done(self) -> bool:
        """Whether `finish` would not wait."""
        self._cuda.use()
        return self._cuda.idle

    def finish(self) -> Dict[str, np.ndarray]:
        """The answers of the run that was started, once it is done."""
        self._cuda.wait()
        return {tensor.name: self.host[tensor.name].copy() for tensor in self.tensors if not tensor.is_input}

    def _ask(self) -> None:
        for tensor, address in zip(self.tensors, self._addresses):
            if tensor.is_input:
                self._cuda.upload(address, self.host[tensor.name])
        if not self._enqueue(self._cuda.stream):
            raise ModelError(f"TensorRT did not run the engine ({self._adapter.last_words()}).")
        for tensor, address in zip(self.tensors, self._addresses):
            if not tensor.is_input:
                self._cuda.download(self.host[tensor.name], address)


class Trial(Engine):
    """An open `Execution` that answers as an engine. Nothing is proven of it: for comparisons, never to drive."""

    def __init__(self, execution: Execution, card: ModelCard) -> None:
        self._execution, self.card = execution, card

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        given = check_input(inputs, self.card)
        # bytes become float32 here where the engine takes that
        np.copyto(self._execution.host[self.card.input.name], given)
        return self._execution.run()


def execute_once(adapter: Adapter, cuda: Any, plan: bytes) -> Report:
    """Load a plan, run it on zeros and let it go. Raises ModelError; not-a-number is one."""
    started_s = time.monotonic()
    with Execution(adapter, cuda, plan) as execution:
        for name, answer in execution.run().items():
            if answer.dtype.kind == "f" and not np.isfinite(answer).all():
                raise ModelError(f"The engine answers {name} with what is not a number: build it with more precision.")
        shapes = ", ".join(f"{t.name} {t.dtype} {list(t.shape)}" for t in execution.tensors)
    return Report("execute", time.monotonic() - started_s, shapes)


class TensorRTEngine(Engine):
    """An engine file. Opens only on the TensorRT and GPU it was built for, and only when it passed its comparison."""

    def __init__(self, path: Union[str, Path], threads: int = 1, trt: Any = None, cuda: Any = None) -> None:
        self.path = Path(path)
        self._trt, self._cuda = trt, cuda
        self._execution: Optional[Execution] = None
        self._precision = ""

    def open(self) -> None:
        """Raises ModelNotFound, ModelCorrupt, EngineRefused, CardError or ModelError; each with the next step."""
        if self._execution is not None:
            return
        header, plan = read_engine(self.path)
        adapter = adapter_for(self._trt or import_tensorrt())
        cuda = self._cuda or Cuda()
        cuda.open()
        try:
            check_fits(header, self.path, adapter.trt.__version__, cuda.name, cuda.capability, self._beside())
            why_not = may_drive(header)
            if why_not:
                raise EngineRefused(f"{self.path} must not drive: {why_not}; drive the model itself: "
                                    f"jetracer drive --road {header.model}")
            card = header.model_card(f"The card in {self.path}")
            execution = Execution(adapter, cuda, plan)
            execution.open()
            check_tensors(card, execution.tensors, self.path)
        except BaseException:
            cuda.close()
            raise
        self.card, self._cuda, self._execution = card, cuda, execution
        self._precision = header.precision
        self._trial = Trial(execution, card)
        for _ in range(_WARM_UP_RUNS):
            execution.run()

    def close(self) -> None:
        if self._execution is not None:
            self._execution.close()
            self._cuda.close()
        self._execution = None

    @property
    def precision(self) -> str:
        return self._precision  # it was built in; the card is its model's

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        if self._execution is None:
            raise ModelError(f"{self.path} is not open; use `with` or call open() first.")
        return self._trial.infer(inputs)

    def newest(self) -> Newest:
        """The same engine for a loop that does not wait for it. Use one of the two at a time."""
        if self._execution is None:
            raise ModelError(f"{self.path} is not open; use `with` or call open() first.")
        return Newest(self._execution, self.card.input.name)

    def _beside(self) -> Optional[str]:
        model = self.path.with_suffix(".onnx")
        return hashlib.sha256(model.read_bytes()).hexdigest() if model.is_file() else None


def check_tensors(card: ModelCard, tensors: List[Tensor], path: Path) -> None:
    """The card and the engine must agree. Raises CardError."""
    inputs = [tensor for tensor in tensors if tensor.is_input]
    takes = (card.input.dtype, "float32")  # TensorRT before 8.5 is given floats for bytes
    fits = len(inputs) == 1 and inputs[0].name == card.input.name and inputs[0].shape == card.input.shape
    if not fits or inputs[0].dtype not in takes:
        there = ", ".join(f"{tensor.name}: {tensor.dtype} {list(tensor.shape)}" for tensor in inputs)
        raise CardError(f"The card in {path} promises {card.input.name}: {card.input.dtype} {list(card.input.shape)}, "
                        f"but the engine takes {there}; build it again.")
    missing = set(card.outputs) - {tensor.name for tensor in tensors if not tensor.is_input}
    if missing:
        raise CardError(f"{path} has no output {sorted(missing)[0]!r}, which its card names; build it again.")
