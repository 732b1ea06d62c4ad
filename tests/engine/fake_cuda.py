"""A GPU's memory and its stream on the CPU. As a real stream does, it works off what was asked for only by `wait`."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import numpy as np

STREAM = 0x57


class FakeCuda:
    stream = STREAM

    def __init__(self, name: str = "Orin", capability: str = "8.7", memory_mb: Tuple[int, int] = (3000, 7600)) -> None:
        self.name, self.capability, self.memory_mb = name, capability, memory_mb
        self.device: Dict[int, np.ndarray] = {}
        self.opened = 0
        self._queue: List[Callable[[], Any]] = []
        self._host: List[np.ndarray] = []

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.opened = 0
        self.device.clear()

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_exc) -> None:
        self.close()

    def use(self) -> None:
        pass

    def device_memory(self, size: int) -> int:
        address = 0x1000 * (len(self.device) + 1)
        self.device[address] = np.full(size, 0xA5, np.uint8)
        return address

    def host_array(self, shape, dtype) -> np.ndarray:
        self._host.append(np.zeros(shape, dtype))
        return self._host[-1]

    def upload(self, address: int, source: np.ndarray) -> None:
        self.ask(lambda: np.copyto(self.device[address], source.reshape(-1).view(np.uint8)))

    def download(self, target: np.ndarray, address: int) -> None:
        self.ask(lambda: np.copyto(target.reshape(-1).view(np.uint8), self.device[address]))

    def ask(self, work: Callable[[], Any]) -> None:
        self._queue.append(work)

    def wait(self) -> None:
        for work in self._queue:
            work()
        self._queue.clear()
