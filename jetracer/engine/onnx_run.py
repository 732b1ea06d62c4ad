"""ONNX Runtime's sessions, all with the same settings; and a model's bytes as it runs them, without a card."""
from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Union

import numpy as np

from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.engine.onnx_file import first_line

Answers = Dict[str, np.ndarray]
Run = Callable[[Mapping[str, np.ndarray]], Answers]  # inputs by name -> outputs by name


def settings(threads: int = 1) -> Any:
    """ONNX Runtime's SessionOptions, as everything here runs. Raises ModelError where it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError("ONNX models need ONNX Runtime; run: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised, and need not be printed too
    # threads that spin while they wait take the core from the camera and the guard
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # INT8 on x86 without VNNI: the fast kernel's sums do not fit into its 16 bits, and answers are wrong
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def session(model: Union[bytes, Path], options: Any = None, path: Optional[Path] = None) -> Any:
    """A file, or its content, on the CPU; `options` as `settings` gives them. `path`: the file that the content is of.

    Raises ModelCorrupt where a file cannot be loaded, ModelError where it is no file's content.
    """
    options = options or settings()
    import onnxruntime

    path = model if isinstance(model, Path) else path
    try:
        return onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options,
                                            providers=["CPUExecutionProvider"],
                                            enable_fallback=0)  # it prints, and tries the very same once more
    except Exception as error:  # its exceptions share no base class below Exception
        version, why = onnxruntime.__version__, first_line(error)
        if path is None:
            raise ModelError(f"ONNX Runtime {version} does not run the model ({why}).") from error
        raise ModelCorrupt(f"{path} is no model that ONNX Runtime {version} can load ({why}); copy or export it again, "
                           "or update onnxruntime.") from error


def numpy_name(kind: str) -> str:
    """Of a type as a session names it: tensor(float) -> float32, tensor(int64) -> int64."""
    name = kind[len("tensor("):-1]
    return {"float": "float32", "double": "float64"}.get(name, name)


def runner(opened: Any) -> Run:
    """All outputs of a session by their names."""
    names = [port.name for port in opened.get_outputs()]
    return lambda inputs: dict(zip(names, opened.run(names, dict(inputs))))


@contextmanager
def run_onnx(model: bytes) -> Iterator[Run]:
    """A model as ONNX Runtime runs it; of no bytes, one that answers nothing."""
    yield runner(session(model)) if model else lambda inputs: {}
