"""The `.pth` files of torch2trt: a TensorRT plan in a PyTorch state dict. Read without PyTorch, and running no code.

Keys, some behind a prefix: `engine` (bytearray), `input_names`, `output_names`, since 0.5 `input_flattener` and
`output_flattener`. Source: torch2trt's TRTModule, 0.1 to 0.5.
"""
from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional, Tuple

from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.engine.devices import parse_version
from jetracer.engine.engine_file import plan_version

if TYPE_CHECKING:
    from jetracer.engine.tensorrt_native import Execution

_HARMLESS = {("collections", "OrderedDict"), ("builtins", "bytearray"), ("__builtin__", "bytearray"),
             ("_codecs", "encode")}
_DAMAGE = (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, KeyError, ValueError, IndexError, UnicodeError)
_OLD_MAGIC = 0x1950A86A20F9469CFC6C  # torch.save before 1.6
LAST_TENSORRT = 10  # torch2trt imports on none after


class Torch2TrtModule(NamedTuple):
    plan: bytes
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    flattened: bool  # written by torch2trt 0.5 or newer
    tensorrt: str  # the version that built it, "8.2.1"; empty where the plan does not say

    def __str__(self) -> str:
        version = f"TensorRT {self.tensorrt}" if self.tensorrt else "an unknown TensorRT"
        names = f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}"
        return (f"an engine that torch2trt built with {version}, {len(self.plan) / 1e6:.1f} MB, {names}; "
                "for which GPU and from which network it does not say")


def read_torch2trt(path: Path) -> Optional[Torch2TrtModule]:
    """What a `.pth` of torch2trt's holds; None when it is not one. Raises ModelCorrupt or ModelError."""
    try:
        state = _state(path)
    except _NotPlain:
        return None  # tensors, or a whole model: not ours
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from error
    except _DAMAGE as error:
        raise ModelCorrupt(f"{path} is damaged ({type(error).__name__}); copy it again.") from error
    names = [name for name in state if str(name).endswith("engine")] if isinstance(state, dict) else []
    if not names or not isinstance(state[names[0]], (bytes, bytearray)):
        return None
    return _module(state, str(names[0])[: -len("engine")], bytes(state[names[0]]), path)


def _module(state: Dict[str, Any], prefix: str, plan: bytes, path: Path) -> Torch2TrtModule:
    try:
        inputs, outputs = (tuple(map(str, state[f"{prefix}{name}"])) for name in ("input_names", "output_names"))
    except (KeyError, TypeError) as error:
        raise ModelCorrupt(f"{path} holds an engine without the names of its inputs and outputs.") from error
    return Torch2TrtModule(plan, inputs, outputs, f"{prefix}input_flattener" in state, plan_version(plan))


def check_runs(module: Torch2TrtModule, path: Path, tensorrt: str) -> None:
    """Raises ModelError where TensorRT `tensorrt` cannot run it: plans do not outlive their version."""
    if parse_version(tensorrt)[0] > LAST_TENSORRT:
        raise ModelError(f"{path} is {module}; torch2trt ended with TensorRT {LAST_TENSORRT}, here is {tensorrt}: "
                         "export the network's weights (jetracer export onnx) and build that.")
    if module.tensorrt and module.tensorrt != ".".join(tensorrt.split(".")[:3]):
        raise ModelError(f"{path} is {module}; here is TensorRT {tensorrt}, which does not load it: "
                         "export the network's weights (jetracer export onnx) and build that.")


def open_torch2trt(path: Path, trt: Any, cuda: Any) -> Execution:
    """A `.pth` engine, ready to be run by hand; it never drives. Raises ModelError with what it is and why not."""
    from jetracer.engine.tensorrt_base import adapter_for
    from jetracer.engine.tensorrt_native import Execution

    module = read_torch2trt(path)
    if module is None:
        raise ModelError(f"{path} holds no engine of torch2trt's.")
    check_runs(module, path, trt.__version__)
    execution = Execution(adapter_for(trt), cuda, module.plan)
    execution.open()
    return execution


class _NotPlain(Exception):
    """The file holds more than names and bytes."""


class _Plain(pickle.Unpickler):
    """Only what a state dict without tensors needs; anything else is refused before it is built."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise _NotPlain(f"{module}.{name}")
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        raise _NotPlain("a tensor")


def _state(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
            if name is None:
                raise KeyError("data.pkl")
            with archive.open(name) as file:
                return _Plain(file).load()
    with path.open("rb") as file:
        first = _Plain(file).load()
        if first != _OLD_MAGIC:
            return first
        _protocol, _system = _Plain(file).load(), _Plain(file).load()
        return _Plain(file).load()
