"""A model in parts: TensorRT runs what it takes, ONNX Runtime the rest, one after the other.

    road.hybrid     JSON, a Plan: the parts in their order, what flows between them, the model's card, the comparison
    road.1.onnx     each part as a model; `jetracer doctor model` writes these
    road.1.engine   each part of TensorRT's as an engine file; `jetracer build road.hybrid` writes these

What may drive is decided as for an engine: only what was compared with its model, whole, as it is now.
"""
from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple, Union

import numpy as np

from jetracer.core.config import write_bytes
from jetracer.core.errors import EngineRefused, ModelCorrupt, ModelError, ModelNotFound
from jetracer.engine.base import Engine
from jetracer.engine.card import ModelCard
from jetracer.engine.cuda import Cuda
from jetracer.engine.engine_file import check_fits, read_engine
from jetracer.engine.onnx_file import check_input
from jetracer.engine.onnx_run import Run, numpy_name, runner, session
from jetracer.engine.tensorrt_base import Adapter, adapter_for, import_tensorrt
from jetracer.engine.tensorrt_native import Execution

FORMAT = 1
_WARM_UP_RUNS = 3


@dataclass(frozen=True)
class PlannedPart:
    runs: str  # tensorrt or onnx
    model: str  # the file, beside the plan
    sha256: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]

    @property
    def engine(self) -> str:
        return str(Path(self.model).with_suffix(".engine"))


@dataclass(frozen=True)
class Plan:
    model: str  # the whole
    model_sha256: str
    card: Mapping[str, Any]
    tensorrt: str  # that the parts were chosen for
    parts: Tuple[PlannedPart, ...]
    parity: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def model_card(self, where: str) -> ModelCard:
        return ModelCard.from_json(json.dumps(self.card), where)


def write_plan(path: Path, plan: Plan) -> None:
    """The file, whole or not at all; with a sum of itself. Raises ConfigError."""
    content = json.loads(json.dumps(asdict(plan)))
    write_bytes(path, (json.dumps({**content, "sha256": _sum(content)}, indent=1, sort_keys=True) + "\n").encode())


def _sum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_plan(path: Path) -> Plan:
    """Raises ModelNotFound, ModelCorrupt, or EngineRefused for one of another version."""
    again = "divide the model again: jetracer doctor model MODEL --parts FILE.hybrid"
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelNotFound(f"The plan {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ModelCorrupt(f"{path} is damaged; {again}") from error
    if not isinstance(content, dict) or content.pop("sha256", "") != _sum(content):
        raise ModelCorrupt(f"{path} is damaged; {again}")
    if set(content) != {entry.name for entry in fields(Plan)} or content["format"] != FORMAT:
        raise EngineRefused(f"{path} was written by another version of JetRacer; {again}")
    parts = tuple(PlannedPart(**{**part, "inputs": tuple(part["inputs"]), "outputs": tuple(part["outputs"])})
                  for part in content["parts"])
    return Plan(**{**content, "parts": parts})


def fingerprint(path: Path, plan: Plan) -> str:
    """SHA-256 of all that runs: each part's model or engine file, in order. Raises ModelNotFound."""
    total = hashlib.sha256()
    for part in plan.parts:
        file = path.with_name(part.model if part.runs == "onnx" else part.engine)
        try:
            total.update(hashlib.sha256(file.read_bytes()).digest())
        except OSError as error:
            raise ModelNotFound(f"{path} needs {file}, which cannot be read ({error.strerror}); run: "
                                f"jetracer build {path}") from error
    return total.hexdigest()


def may_drive(path: Path, plan: Plan) -> str:
    """Why it must not drive; empty when it may. Closed unless a record says that these very files passed."""
    record = plan.parity
    if not record:
        return "it was never compared with its model"
    if record.get("plan_sha256") != fingerprint(path, plan) or record.get("model_sha256") != plan.model_sha256:
        return "the comparison in it is of other files"
    return "" if record.get("passed") is True else "it does not agree with its model"


class Chain(Engine):
    """The parts in a row, opened. Nothing is proven of it: for comparisons; to drive, load a plan."""

    def __init__(self, path: Path, plan: Plan, adapter: Adapter, cuda: Any) -> None:
        self.path, self.plan = Path(path), plan
        self._adapter, self._cuda = adapter, cuda
        self._runs: List[Run] = []
        self._executions: List[Execution] = []
        self.card = plan.model_card(f"The card in {path}")

    def open(self) -> None:
        """Raises ModelNotFound, ModelCorrupt, EngineRefused or ModelError; each with the next step."""
        if self._runs:
            return
        try:
            for part in self.plan.parts:
                self._runs.append(self._onnx(part) if part.runs == "onnx" else self._tensorrt(part))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for execution in self._executions:
            execution.close()
        self._executions.clear()
        self._runs.clear()

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        if not self._runs:
            raise ModelError(f"{self.path} is not open; use `with` or call open() first.")
        check_input(inputs, self.card)
        values = dict(inputs)
        for part, run in zip(self.plan.parts, self._runs):
            values.update(run({name: values[name] for name in part.inputs}))
        return {name: values[name] for name in self.card.outputs}

    def _onnx(self, part: PlannedPart) -> Run:
        path = self.path.with_name(part.model)
        opened = session(read_part(self.path, self.plan, part), path=path)
        kinds = {entry.name: numpy_name(entry.type) for entry in opened.get_inputs()}
        run = runner(opened)
        return lambda given: run({name: value.astype(kinds[name], copy=False) for name, value in given.items()})

    def _tensorrt(self, part: PlannedPart) -> Run:
        path = self.path.with_name(part.engine)
        header, plan = read_engine(path)
        check_fits(header, path, self._adapter.trt.__version__, self._cuda.name, self._cuda.capability, part.sha256)
        execution = Execution(self._adapter, self._cuda, plan)
        execution.open()
        self._executions.append(execution)

        def run(given: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
            for name, value in given.items():  # TensorRT before 9 has INT32 where the model has INT64
                np.copyto(execution.host[name], value, casting="unsafe")
            return execution.run()

        return run


class HybridEngine(Engine):
    """A plan that drives: opens only what fits this computer and was compared with its model."""

    def __init__(self, path: Union[str, Path], threads: int = 1, trt: Any = None, cuda: Any = None) -> None:
        self.path = Path(path)
        self._trt, self._cuda = trt, cuda
        self._chain: Any = None

    def open(self) -> None:
        """Raises ModelNotFound, ModelCorrupt, EngineRefused, CardError or ModelError; each with the next step."""
        if self._chain is not None:
            return
        plan = read_plan(self.path)
        reason = may_drive(self.path, plan)
        if reason:
            raise EngineRefused(f"{self.path} must not drive: {reason}; run: jetracer build {self.path}; or drive the "
                                f"model itself: jetracer drive --road {plan.model}")
        adapter = adapter_for(self._trt or import_tensorrt())
        cuda = self._cuda or Cuda()
        cuda.open()
        chain = Chain(self.path, plan, adapter, cuda)
        try:
            chain.open()
        except BaseException:
            cuda.close()
            raise
        self.card, self._cuda, self._chain = chain.card, cuda, chain
        for _ in range(_WARM_UP_RUNS):
            self.infer({self.card.input.name: np.zeros(self.card.input.shape, self.card.input.dtype)})

    def close(self) -> None:
        if self._chain is not None:
            self._chain.close()
            self._cuda.close()
        self._chain = None

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        if self._chain is None:
            raise ModelError(f"{self.path} is not open; use `with` or call open() first.")
        return self._chain.infer(inputs)


def read_part(path: Path, plan: Plan, part: PlannedPart) -> bytes:
    """The ONNX file of a part of the plan at `path`. Raises ModelNotFound, or ModelCorrupt where it is another."""
    model = path.with_name(part.model)
    try:
        data = model.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"{path} needs {model}, which cannot be read ({error.strerror}).") from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise ModelCorrupt(f"{model} is not the part that {path} names; divide the model again: "
                           f"jetracer doctor model {plan.model} --parts {path}")
    return data
