"""A kernel in CUDA C, compiled for this GPU where it runs, and started on a stream of somebody else.

NVRTC, CUDA's compiler as a library, comes with the CUDA toolkit, which JetPack installs.
Source: NVIDIA's NVRTC and CUDA Driver API references.
"""
from __future__ import annotations

import ctypes
import glob
from ctypes.util import find_library
from typing import Any, List, Optional, Sequence

from jetracer.core.errors import ModelError

_PLACES = ("/usr/local/cuda*/lib64", "/usr/local/cuda*/targets/*/lib", "/usr/lib/*-linux-gnu")


def compile_cuda(source: str, capability: str) -> bytes:
    """PTX of CUDA C for a compute capability such as 8.7. Raises ModelError with the compiler's words."""
    nvrtc = _nvrtc()
    program = ctypes.c_void_p()
    _ask(nvrtc, "nvrtcCreateProgram", ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    option = f"--gpu-architecture=compute_{capability.replace('.', '')}".encode()
    failed = nvrtc.nvrtcCompileProgram(program, 1, (ctypes.c_char_p * 1)(option))
    if failed:
        raise ModelError(f"CUDA's compiler refused a kernel of JetRacer's: {_text(nvrtc, program, 'ProgramLog')}")
    return _text(nvrtc, program, "PTX").encode() + b"\0"


def _text(nvrtc: Any, program: Any, what: str) -> str:
    size = ctypes.c_size_t()
    _ask(nvrtc, f"nvrtcGet{what}Size", program, ctypes.byref(size))
    room = ctypes.create_string_buffer(size.value)
    _ask(nvrtc, f"nvrtcGet{what}", program, room)
    return room.value.decode(errors="replace")


def _ask(nvrtc: Any, name: str, *arguments: Any) -> None:
    failed = getattr(nvrtc, name)(*arguments)
    if failed:
        nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise ModelError(f"CUDA's compiler failed in {name}: {nvrtc.nvrtcGetErrorString(failed).decode()}")


def _nvrtc() -> Any:
    """Raises ModelError with the next step where it is not installed."""
    for name in (find_library("nvrtc"), *_found()):
        if name:
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    raise ModelError("CUDA's compiler as a library (libnvrtc.so) is not installed, which JetRacer's own operators need "
                     "on a GPU; run: sudo apt install nvidia-jetpack, or install the CUDA toolkit.")


def _found() -> List[str]:
    return [path for place in _PLACES for path in sorted(glob.glob(f"{place}/libnvrtc.so*"), reverse=True)]


class Kernel:
    """One kernel, compiled when it is first launched. Use it on a thread whose CUDA context is current."""

    def __init__(self, source: str, name: str) -> None:
        self._source, self._name = source, name
        self._function: Optional[Any] = None

    def launch(self, blocks: int, threads: int, arguments: Sequence[Any], stream: int) -> None:
        """`arguments` are ctypes values, addresses c_uint64. Does not wait. Raises ModelError."""
        driver = _driver()
        if self._function is None:
            self._function = self._load(driver)
        places = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(value) for value in arguments))
        _check(driver, "cuLaunchKernel", self._function, blocks, 1, 1, threads, 1, 1, 0, ctypes.c_void_p(stream),
               places, None)

    def _load(self, driver: Any) -> Any:
        device, numbers = ctypes.c_int(), []
        _check(driver, "cuCtxGetDevice", ctypes.byref(device))
        for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
            value = ctypes.c_int()
            _check(driver, "cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
            numbers.append(str(value.value))
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        _check(driver, "cuModuleLoadData", ctypes.byref(module), compile_cuda(self._source, ".".join(numbers)))
        _check(driver, "cuModuleGetFunction", ctypes.byref(function), module, self._name.encode())
        return function


def _driver() -> Any:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise ModelError("This computer has no NVIDIA driver (libcuda.so.1).") from error


def _check(driver: Any, name: str, *arguments: Any) -> None:
    failed = getattr(driver, name)(*arguments)
    if failed:
        raise ModelError(f"The GPU refused {name} (error {failed}).")
