"""A GPU's memory and its stream on the CPU. As a real stream does, it works off what was asked for only by `wait`."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from jetracer.core.errors import ModelError

STREAM = 0x57


class FakeCuda:
    stream = STREAM

    def __init__(self, name: str = "Orin", capability: str = "8.7", memory_mb: Tuple[int, int] = (3000, 7600)) -> None:
        self.name, self.capability, self.memory_mb = name, capability, memory_mb
        self.device: Dict[int, np.ndarray] = {}
        self.opened = 0
        self.graphs = True  # whether it can capture
        self.launched = 0
        self.capturing: Optional[List[Callable[[], Any]]] = None
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
        assert self.capturing is None, "memory is not taken within a capture"
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
        (self._queue if self.capturing is None else self.capturing).append(work)

    def capture(self, work: Callable[[], Any]) -> Any:
        assert not self._queue, "what was asked for before would not be in the graph"
        if not self.graphs:
            return None
        self.capturing = []
        try:
            work()
            return self.capturing
        except ModelError:
            return None
        finally:
            self.capturing = None

    def launch(self, graph: Any) -> None:
        self.launched += 1
        self._queue.extend(graph)

    @property
    def idle(self) -> bool:
        return not self._queue

    def catch_up(self) -> None:
        """Time passes: what was asked for is done, though nobody waited."""
        for work in self._queue:
            work()
        self._queue.clear()

    def wait(self) -> None:
        assert self.capturing is None, "to wait breaks a capture"
        self.catch_up()
