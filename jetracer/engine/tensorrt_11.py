"""TensorRT 11: strongly typed only. FP16 and INT8 come from the model; flags and calibrators are gone."""
from __future__ import annotations

from typing import Any

from jetracer.engine.build_plan import Settings
from jetracer.engine.tensorrt_10 import TensorRT10


class TensorRT11(TensorRT10):
    def network_flags(self, settings: Settings) -> int:
        return 0

    def set_types(self, config: Any, settings: Settings) -> None:
        """Nothing to set: the model says it all."""
