"""Engines: a network behind one verb, `infer`."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional

from jetracer.core.device import Device
from jetracer.core.errors import ModelNotFound
from jetracer.core.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from jetracer.engine.card import ModelCard


class Engine(Device):
    """A loaded network. `card` says what it needs and promises; known once the engine is open.

    `path`: the file that it was loaded from, if there is one.
    """

    card: ModelCard
    path: Optional[Path] = None

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Run the network on one batch of 1; names, shapes and types as the card says.

        The arrays returned are the engine's own and hold until the next `infer`; copy what must live longer.
        Raises ModelError when an input does not fit.
        """
        raise NotImplementedError

    @property
    def precision(self) -> str:
        """What it calculates in: fp32, fp16 or int8; known once it is open."""
        return self.card.precision

    def facts(self) -> Dict[str, str]:
        """Who answers, for the record of a drive: engine, precision, and of a file its name and SHA-256.

        To be asked once it is open. Raises ModelNotFound when the file is gone.
        """
        of_file = {"file": self.path.name, "file_sha256": sha256_of(self.path)} if self.path is not None else {}
        return {"engine": ENGINES.name_of(self), "precision": self.precision, **of_file}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises ModelNotFound."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelNotFound(f"The model {path} cannot be read ({error.strerror}).") from error


ENGINES = Registry(
    "engine",
    {
        "hybrid": "jetracer.engine.hybrid:HybridEngine",
        "null": "jetracer.engine.null:NullEngine",
        "onnx": "jetracer.engine.onnx_runtime:OnnxEngine",
        "openvino": "jetracer.engine.openvino:OpenVinoEngine",
        "tensorrt": "jetracer.engine.tensorrt_native:TensorRTEngine",
    },
)
