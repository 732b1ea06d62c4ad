"""An ONNX file's bytes as ONNX Runtime runs them, without a card: graphs that were cut, or have more outputs."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator

import numpy as np

from jetracer.core.errors import ModelError
from jetracer.engine.onnx_file import first_line

Answers = Dict[str, np.ndarray]
Run = Callable[[Answers], Answers]


@contextmanager
def run_onnx(model: bytes) -> Iterator[Run]:
    """A model as ONNX Runtime runs it; of no bytes, one that answers nothing."""
    if not model:
        yield lambda inputs: {}
        return
    session = session_of(model)
    names = [port.name for port in session.get_outputs()]
    yield lambda inputs: dict(zip(names, session.run(names, inputs)))


def session_of(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class below Exception
        raise ModelError(f"The model cannot be cut in two to explain it ({first_line(error)}).") from error
