"""TensorRT 8.0 to 8.4 (JetPack 4.6, the original Nano's, and 5.0): numbered bindings, explicit batch on request."""
from __future__ import annotations

from typing import Any, Callable, List

from jetracer.engine.build_plan import Settings
from jetracer.engine.tensorrt_base import Adapter, Tensor


class TensorRT82(Adapter):
    def network_flags(self, settings: Settings) -> int:
        return 1 << int(self.trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)

    def limit_workspace(self, config: Any, size: int) -> None:
        config.max_workspace_size = size

    def set_types(self, config: Any, settings: Settings) -> None:
        if settings.precision in ("fp16", "int8"):  # layers without INT8 scales run in FP16
            config.set_flag(self.trt.BuilderFlag.FP16)
        if settings.precision == "int8":
            config.set_flag(self.trt.BuilderFlag.INT8)

    def tensors(self, engine: Any) -> List[Tensor]:
        return [
            Tensor(engine.get_binding_name(index), engine.binding_is_input(index),
                   tuple(engine.get_binding_shape(index)), self.numpy_type(engine.get_binding_dtype(index)))
            for index in range(engine.num_bindings)
        ]

    def bind(self, context: Any, tensors: List[Tensor], addresses: List[int]) -> Callable[[int], bool]:
        return lambda stream: context.execute_async_v2(addresses, stream)
