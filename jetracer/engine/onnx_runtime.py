"""ONNX Runtime on the CPU: the engine that runs everywhere."""
from __future__ import annotations

from typing import Any, Dict

import numpy as np

from jetracer.core.errors import ModelCorrupt, ModelError
from jetracer.engine.onnx_file import Graph, OnnxFileEngine, Port, first_line

_TYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
}


class OnnxEngine(OnnxFileEngine):
    """An ONNX file with a model card."""

    _session: Any = None
    _binding: Any = None

    def _read(self) -> Graph:
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
        # INT8 on x86 without VNNI: the fast kernel's sums do not fit into its 16 bits, and answers are wrong
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
            metadata = self._session.get_modelmeta().custom_metadata_map  # a damaged text raises here
        except Exception as error:  # its exceptions share no base class below Exception
            raise ModelCorrupt(
                f"{self.path} is no model that ONNX Runtime {onnxruntime.__version__} can load "
                f"({first_line(error)}); copy or export it again, or update onnxruntime."
            ) from error
        return Graph(_ports(self._session.get_inputs()), _ports(self._session.get_outputs()), metadata)

    def _bind(self, graph: Graph) -> None:
        self._names = [port.name for port in graph.outputs]
        if self._outputs is None:  # they keep the plain call
            return
        self._binding = self._session.io_binding()
        data = self._input
        self._binding.bind_input(self.card.input.name, "cpu", 0, data.dtype.type, data.shape, data.ctypes.data)
        for name, data in self._outputs.items():
            self._binding.bind_output(name, "cpu", 0, data.dtype.type, data.shape, data.ctypes.data)

    def _run(self) -> Dict[str, np.ndarray]:
        if self._binding is None:
            return dict(zip(self._names, self._session.run(None, {self.card.input.name: self._input})))
        self._session.run_with_iobinding(self._binding)
        return self._outputs

    def _drop(self) -> None:
        self._session = self._binding = None


def _ports(nodes: list) -> list:
    return [Port(node.name, tuple(node.shape), _TYPES.get(node.type, node.type)) for node in nodes]
