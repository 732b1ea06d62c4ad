"""TensorRT 10 (JetPack 6.1 to 7.2): batch is explicit, types may come from the model, a build tells how far it is."""
from __future__ import annotations

from typing import Any, Dict, Optional

from jetracer.engine.build_plan import Settings
from jetracer.engine.soft_argmax_plugin import register_plugins
from jetracer.engine.tensorrt_8_5 import TensorRT85
from jetracer.engine.tensorrt_base import Watch


class TensorRT10(TensorRT85):
    tells_progress = True

    def __init__(self, trt: Any) -> None:
        super().__init__(trt)
        register_plugins(trt)

    def network_flags(self, settings: Settings) -> int:
        return 1 << int(self.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED) if settings.strongly_typed else 0

    def set_types(self, config: Any, settings: Settings) -> None:
        if not settings.strongly_typed:
            super().set_types(config, settings)

    def where(self, error: Any) -> str:
        named = f" {error.node_name()} ({error.node_operator()})" if error.node_name() else ""
        return f"node {error.node()}{named}"

    def watch(self, config: Any, watch: Optional[Watch]) -> Any:
        if watch is not None:
            config.progress_monitor = _monitor(self.trt, watch)
            return config.progress_monitor


def _monitor(trt: Any, watch: Watch) -> Any:
    class Monitor(trt.IProgressMonitor):
        """Passes on every step of every phase; the outermost ones alone stand still for minutes."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: Dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: Optional[str], num_steps: int) -> None:
            self._steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            return watch(phase_name, step + 1, self._steps[phase_name])

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
