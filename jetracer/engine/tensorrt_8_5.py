"""TensorRT 8.5 to 9 (JetPack 5.1 and 6.0): tensors have names, memory has pools."""
from __future__ import annotations

from typing import Any, Callable, List

from jetracer.engine.tensorrt_8_2 import TensorRT82
from jetracer.engine.tensorrt_base import Tensor


class TensorRT85(TensorRT82):
    def limit_workspace(self, config: Any, size: int) -> None:
        config.set_memory_pool_limit(self.trt.MemoryPoolType.WORKSPACE, size)

    def tensors(self, engine: Any) -> List[Tensor]:
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        return [
            Tensor(name, engine.get_tensor_mode(name) == self.trt.TensorIOMode.INPUT,
                   tuple(engine.get_tensor_shape(name)), self.numpy_type(engine.get_tensor_dtype(name)))
            for name in names
        ]

    def bind(self, context: Any, tensors: List[Tensor], addresses: List[int]) -> Callable[[int], bool]:
        for tensor, address in zip(tensors, addresses):
            context.set_tensor_address(tensor.name, address)
        return context.execute_async_v3
