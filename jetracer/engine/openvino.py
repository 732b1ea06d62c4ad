"""OpenVINO on the CPU: on many processors faster than ONNX Runtime, above all in INT8. An extra: pip install openvino

Whether it is faster here is measured by `jetracer build`.
Source: OpenVINO's documentation, "CPU Device" and "ov::hint", 2024.0 to 2026.4.
"""
from __future__ import annotations

from typing import Any, Dict, List

import numpy as np

from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.engine.card import CARD_KEY
from jetracer.engine.onnx_file import Graph, OnnxFileEngine, Port, first_line

_TYPES = {"u8": "uint8", "i8": "int8", "f32": "float32", "f16": "float16", "i64": "int64", "i32": "int32",
          "boolean": "bool"}


class OpenVinoEngine(OnnxFileEngine):
    """An ONNX file with a model card. Inference runs in the thread that asks for it, with that thread's priority."""

    _core: Any = None
    _model: Any = None
    _request: Any = None

    def _read(self) -> Graph:
        try:
            import openvino
        except ImportError as error:
            raise ModelError("The engine openvino needs OpenVINO; run: pip install openvino") from error
        self._openvino, self._core = openvino, openvino.Core()
        try:
            self._model = self._core.read_model(str(self.path))
        except Exception as error:  # whatever its reader raises, RuntimeError above all
            raise ModelCorrupt(f"{self.path} is no model that OpenVINO {self._version} can read "
                               f"({first_line(error)}); copy or export it again.") from error
        place = ["framework", CARD_KEY]  # where it keeps the file's own metadata
        card = {CARD_KEY: self._model.get_rt_info(place).astype(str)} if self._model.has_rt_info(place) else {}
        return Graph(_ports(self._model.inputs), _ports(self._model.outputs), card)

    def _bind(self, graph: Graph) -> None:
        try:
            self._model.reshape({self.card.input.name: list(self.card.input.shape)})  # a batch of 1
            compiled = self._core.compile_model(self._model, "CPU", self._options())
        except Exception as error:
            raise ModelError(f"OpenVINO {self._version} cannot run {self.path} ({first_line(error)}); "
                             "ONNX Runtime may.") from error
        self._request = compiled.create_infer_request()
        self._names = [port.name for port in graph.outputs]
        self._request.set_input_tensor(self._shared(self._input))
        for index, data in enumerate((self._outputs or {}).values()):
            self._request.set_output_tensor(index, self._shared(data))

    def _run(self) -> Dict[str, np.ndarray]:
        self._request.infer()
        if self._outputs is not None:
            return self._outputs
        return {name: self._request.get_output_tensor(index).data for index, name in enumerate(self._names)}

    def _drop(self) -> None:
        self._request = self._model = self._core = None

    def _options(self) -> Dict[str, Any]:
        return {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self.threads,
            # where a processor has 16 bits it would take them without being asked
            "INFERENCE_PRECISION_HINT": "f32",
            # a pinned thread cannot leave a core that another program holds
            "ENABLE_CPU_PINNING": False,
        }

    def _shared(self, data: np.ndarray) -> Any:
        return self._openvino.Tensor(data, shared_memory=True)

    @property
    def _version(self) -> str:
        return short_version(self._openvino)


def short_version(openvino: Any) -> str:
    """2026.4.1 of 2026.4.1-22982-..."""
    return openvino.__version__.split("-")[0]


def _ports(nodes: List[Any]) -> List[Port]:
    return [Port(node.any_name, tuple(_sides(node.partial_shape)), _type(node.element_type)) for node in nodes]


def _sides(shape: Any) -> List[Any]:
    if shape.rank.is_dynamic:
        return ["?"]
    return [side.get_length() if side.is_static else "?" for side in shape]


def _type(kind: Any) -> str:
    name = kind.get_type_name()
    return _TYPES.get(name, name)
