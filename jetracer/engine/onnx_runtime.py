"""ONNX Runtime on the CPU: the engine that runs everywhere."""
from __future__ import annotations

from typing import Any, Dict

import numpy as np

from jetracer.core.errors import ModelCorrupt
from jetracer.engine.onnx_file import Graph, OnnxFileEngine, Port
from jetracer.engine.onnx_run import numpy_name, session, settings


class OnnxEngine(OnnxFileEngine):
    """An ONNX file with a model card."""

    _session: Any = None
    _binding: Any = None

    def _read(self) -> Graph:
        self._session = session(self.path, settings(self.threads))
        try:
            metadata = self._session.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError as error:
            raise ModelCorrupt(f"The card of {self.path} is damaged ({error}); copy or export it again.") from error
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
    return [Port(node.name, tuple(node.shape), numpy_name(node.type)) for node in nodes]
