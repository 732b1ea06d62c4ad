"""Engines: a network behind one verb, `infer`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Dict

from jetracer.core.device import Device
from jetracer.core.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from jetracer.engine.card import ModelCard


class Engine(Device):
    """A loaded network. `card` says what it needs and promises; known once the engine is open."""

    card: ModelCard

    def infer(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Run the network on one batch of 1; names, shapes and types as the card says.

        The arrays returned are the engine's own and hold until the next `infer`; copy what must live longer.
        Raises ModelError when an input does not fit.
        """
        raise NotImplementedError


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
