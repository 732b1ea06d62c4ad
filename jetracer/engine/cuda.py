"""The little of CUDA that an engine needs, from the driver's own library: memory, one stream, graphs, the GPU's name.

libcuda.so.1 comes with every NVIDIA driver and keeps its interface, so no package has to fit a CUDA version.
Source: NVIDIA's CUDA Driver API reference.
"""
from __future__ import annotations

import ctypes
from typing import Any, Callable, Optional, Tuple

import numpy as np

from jetracer.core.device import Device
from jetracer.core.errors import ModelError

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_*: other threads may go on with the GPU
_NOT_READY = 600  # CUDA_ERROR_NOT_READY
_Handle, _Address = ctypes.c_void_p, ctypes.c_uint64


class Cuda(Device):
    """GPU 0. Memory asked for is freed by `close`."""

    def __init__(self) -> None:
        self._library: Any = None
        self._context, self._stream = _Handle(), _Handle()
        self._device, self._owned, self._pinned, self._graphs = ctypes.c_int(), [], [], []

    def open(self) -> None:
        """Raises ModelError where there is no GPU."""
        if self._library is not None:
            return
        try:
            library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise ModelError("This computer has no NVIDIA driver (libcuda.so.1): ONNX Runtime runs models on its CPU."
                             ) from error
        self._library = library
        try:
            self._begin()
        except ModelError:
            self._library = None
            raise

    def _begin(self) -> None:
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(self._device), 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)
        self.use()
        self._call("cuStreamCreate", ctypes.byref(self._stream), 1)  # does not wait for the default stream

    def close(self) -> None:
        if self._library is None:
            return
        for name, pieces in (("cuGraphExecDestroy", self._graphs), ("cuMemFree_v2", self._owned),
                             ("cuMemFreeHost", self._pinned)):
            for piece in pieces:
                getattr(self._library, name)(piece)
            pieces.clear()
        self._library.cuStreamDestroy_v2(self._stream)
        self._library.cuDevicePrimaryCtxRelease(self._device)  # _v2 came after JetPack 4
        self._library = None

    @property
    def stream(self) -> int:
        return self._stream.value or 0

    @property
    def name(self) -> str:
        text = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", text, len(text), self._device)
        return text.value.decode(errors="replace")

    @property
    def capability(self) -> str:
        """Such as 8.7."""
        numbers = []
        for attribute in (_MAJOR, _MINOR):
            value = ctypes.c_int()
            self._call("cuDeviceGetAttribute", ctypes.byref(value), attribute, self._device)
            numbers.append(value.value)
        return f"{numbers[0]}.{numbers[1]}"

    @property
    def memory_mb(self) -> Tuple[int, int]:
        """(free, in all). On a Jetson this is the computer's own memory."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value >> 20, total.value >> 20

    def use(self) -> None:
        """Make this thread one that works with the GPU; each thread has to once."""
        self._call("cuCtxSetCurrent", self._context)

    def device_memory(self, size: int) -> int:
        address = _Address()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        self._owned.append(address)
        return address.value

    def host_array(self, shape: Tuple[int, ...], dtype: Any) -> np.ndarray:
        """Zeros in pinned memory, which the GPU reads without a copy in between."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        place = _Handle()
        self._call("cuMemHostAlloc", ctypes.byref(place), ctypes.c_size_t(size), 0)
        self._pinned.append(place)
        block = (ctypes.c_uint8 * size).from_address(place.value)
        array = np.frombuffer(block, dtype).reshape(shape)
        array[...] = 0
        return array

    def upload(self, address: int, source: np.ndarray) -> None:
        self._call("cuMemcpyHtoDAsync_v2", _Address(address), _Handle(source.ctypes.data),
                   ctypes.c_size_t(source.nbytes), self._stream)

    def download(self, target: np.ndarray, address: int) -> None:
        self._call("cuMemcpyDtoHAsync_v2", _Handle(target.ctypes.data), _Address(address),
                   ctypes.c_size_t(target.nbytes), self._stream)

    def capture(self, work: Callable[[], Any]) -> Optional[Any]:
        """What `work` asks of the stream, as one graph for `launch`; nothing of it runs yet. None where it cannot be.

        One launch then costs the CPU what one kernel does. The memory that `work` names must stay where it is.
        """
        graph = _Handle()
        try:
            self._call("cuStreamBeginCapture_v2", self._stream, _THREAD_LOCAL)
            try:
                work()
            finally:  # a capture that is not ended would hold up all that comes after
                self._call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
            return self._instantiate(graph)
        except (ModelError, AttributeError):  # refused within a capture, or a driver without graphs
            return None
        finally:
            if graph:
                self._library.cuGraphDestroy(graph)

    def _instantiate(self, graph: Any) -> Any:
        made = _Handle()
        try:  # from CUDA 11.4 on; the one before is gone from CUDA 13
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(made), graph, ctypes.c_ulonglong(0))
        except AttributeError:
            self._call("cuGraphInstantiate", ctypes.byref(made), graph, None, None, ctypes.c_size_t(0))
        self._graphs.append(made)
        return made

    def launch(self, graph: Any) -> None:
        """Ask for all of a captured graph."""
        self._call("cuGraphLaunch", graph, self._stream)

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is done. Raises ModelError when the GPU failed."""
        result = self._library.cuStreamQuery(self._stream)
        if result not in (0, _NOT_READY):
            self._call("cuStreamQuery", self._stream)
        return result == 0

    def wait(self) -> None:
        """Until all that was asked for is done. Raises ModelError when the GPU failed."""
        self._call("cuStreamSynchronize", self._stream)

    def _call(self, name: str, *arguments: Any) -> None:
        if self._library is None:
            raise ModelError("CUDA is not open.")
        result = getattr(self._library, name)(*arguments)
        if result:
            text = ctypes.c_char_p()
            self._library.cuGetErrorString(result, ctypes.byref(text))
            raise ModelError(f"The GPU refused {name}: {(text.value or b'').decode()} (error {result}).")
