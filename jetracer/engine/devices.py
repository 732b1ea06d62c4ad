"""What each computer can calculate with, and what that means for a build, in words.

Sources: capability and precisions from NVIDIA's TensorRT support matrices (8.2.5, 8.5.3, 10.16); the TensorRT of each
JetPack from its release notes.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Optional, Tuple

from jetracer.core.errors import ConfigError, ModelError
from jetracer.core.registry import unknown

Version = Tuple[int, ...]
PRECISIONS = ("auto", "fp16", "int8", "fp32")
STRONG_ONLY = (11,)  # TensorRT 11 removed the flags FP16 and INT8: types come from the model
_FAST = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimdhp", "asimddp", "i8mm")  # as Linux names them
BYTES_IN = (8, 5)  # the first TensorRT with UINT8 inputs


@dataclass(frozen=True)
class DeviceKind:
    """One row of the table. `oldest` and `newest` are the TensorRT versions that its JetPacks bring."""

    name: str
    title: str
    capability: str  # CUDA compute capability, "5.3"; empty for a CPU
    fp16: bool = True
    int8: bool = True
    dla: int = 0  # deep learning accelerators
    memory_gb: float = 8.0  # of the smallest module sold, shared by CPU and GPU
    oldest: Version = ()
    newest: Version = ()
    last: bool = False  # no newer JetPack will come for the board
    boards: Tuple[str, ...] = ()  # how /proc/device-tree/model names them


_ROWS = (
    DeviceKind("nano", "Nano", "5.3", int8=False, memory_gb=2, oldest=(8, 0), newest=(8, 2), last=True,
               boards=("Jetson Nano",)),
    DeviceKind("tx2", "TX2", "6.2", int8=False, oldest=(8, 0), newest=(8, 2), last=True, boards=("TX2", "quill")),
    DeviceKind("xavier-nx", "Xavier NX", "7.2", dla=2, oldest=(8, 0), newest=(8, 5), last=True, boards=("Xavier NX",)),
    DeviceKind("xavier-agx", "AGX Xavier", "7.2", dla=2, memory_gb=16, oldest=(8, 0), newest=(8, 5), last=True,
               boards=("AGX Xavier", "Jetson-AGX", "Xavier")),
    DeviceKind("orin-nano", "Orin Nano", "8.7", memory_gb=4, oldest=(8, 5), newest=(10, 16), boards=("Orin Nano",)),
    DeviceKind("orin-nx", "Orin NX", "8.7", dla=1, oldest=(8, 5), newest=(10, 16), boards=("Orin NX",)),
    DeviceKind("orin-agx", "AGX Orin", "8.7", dla=2, memory_gb=32, oldest=(8, 4), newest=(11, 4),
               boards=("AGX Orin", "Orin")),
    DeviceKind("thor", "Thor", "11.0", memory_gb=64, oldest=(10, 13), newest=(11, 4), boards=("Thor",)),
    DeviceKind("x86-gpu", "PC with an NVIDIA GPU", "", memory_gb=4, oldest=(8, 0), newest=(11, 4)),
    DeviceKind("cpu", "computer without an NVIDIA GPU", "", fp16=False, memory_gb=0),
)
DEVICES: Dict[str, DeviceKind] = {row.name: row for row in _ROWS}


def device(name: str) -> DeviceKind:
    """The row called `name`. Raises UnknownName."""
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    return DEVICES[name]


def device_here(root: Path = Path("/")) -> DeviceKind:
    """This computer: a Jetson by its board's name, a PC by NVIDIA's driver."""
    board = _text(root / "proc/device-tree/model")
    for row in _ROWS:
        if any(name in board for name in row.boards):
            return row
    return DEVICES["x86-gpu" if (root / "proc/driver/nvidia/version").exists() else "cpu"]


def cpu_name(root: Path = Path("/")) -> str:
    """The processor, and those of its instructions that networks are calculated with; a virtual machine's name says
    little: "AMD EPYC, avx2"."""
    info = _text(root / "proc/cpuinfo")
    named = re.search(r"^(?:model name|Hardware)\s*:\s*(.+)$", info, re.M)
    parts = sorted(set(re.findall(r"^CPU part\s*:\s*(\w+)$", info, re.M)))  # all that many an ARM tells
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", info, re.M)
    has = set(found.group(1).split()) if found else set()
    name = named.group(1).strip() if named else " ".join(["ARM", *parts]) if parts else "unknown"
    return ", ".join([name, *(flag for flag in _FAST if flag in has)])


def for_gpu(kind: DeviceKind, capability: str, memory_mb: int) -> DeviceKind:
    """The row as this very GPU is: a PC's may be of any age, a board's memory may be larger.

    FP16 and INT8 by compute capability: TensorRT 8.2.5's support matrix, hardware and precision.
    """
    numbers = tuple(map(int, capability.split(".")))
    return replace(
        kind, capability=capability, memory_gb=memory_mb / 1024,
        fp16=numbers in ((5, 3), (6, 0), (6, 2)) or numbers >= (7, 0),
        int8=numbers >= (6, 1) and numbers != (6, 2),
    )


def check_tensorrt(kind: DeviceKind, tensorrt: Version) -> str:
    """A note where the board is not known with this TensorRT, else empty. Raises ModelError where it cannot exist."""
    asked, newest = dotted(tensorrt[:2]), dotted(kind.newest)
    if tensorrt[:2] < kind.oldest:
        raise ModelError(f"There is no TensorRT {asked} for {kind.title}: its first is {dotted(kind.oldest)}.")
    if tensorrt[:2] <= kind.newest:
        return ""
    if kind.last:
        raise ModelError(f"There is no TensorRT {asked} for {kind.title}: its last JetPack has {newest}.")
    return f"NVIDIA names TensorRT up to {newest} for {kind.title}; {asked} may not run on it"


def choose_precision(kind: DeviceKind, tensorrt: Version, asked: str, model: str) -> Tuple[str, str]:
    """(precision to build, why) from what was asked for and what the model's card says it holds.

    Raises ModelError where the model cannot be built like that: its numbers would not be what was asked for.
    """
    if model == "int8":
        return _quantised(kind, asked)
    if asked == "int8" and kind.int8:
        raise ModelError(
            "This model holds no INT8 scales: quantise it first, or build it as it is with --precision auto.")
    no_int8 = f"this {kind.title} has no INT8: " if asked == "int8" else ""
    if model == "fp16":
        return "fp16", f"{no_int8}the model is in FP16: its types are kept"
    if asked == "fp32":
        return "fp32", "building FP32, as asked for"
    if kind.fp16:
        return "fp16", f"{no_int8 or f'{kind.title} calculates in FP16: '}building FP16"
    return "fp32", f"{no_int8}this {kind.title} has no fast FP16: building FP32"


def _quantised(kind: DeviceKind, asked: str) -> Tuple[str, str]:
    if not kind.int8:
        raise ModelError(
            f"This model is in INT8, which {kind.title} cannot calculate: build the one that it was quantised from.")
    if asked in ("fp16", "fp32"):
        raise ModelError(f"This model is in INT8: for {asked.upper()} build the one that it was quantised from.")
    return "int8", "the model holds its INT8 scales: building INT8"


def workspace_mb(kind: DeviceKind, free_mb: Optional[int] = None) -> int:
    """Memory that TensorRT may try layers with: a sixteenth of the board's, at most a quarter of what is free now.

    A power of two from 16 to 1024 MB. On a Jetson the GPU's memory is the CPU's too: a build that takes all of it is
    killed by the kernel after minutes.
    """
    limit = kind.memory_gb * 1024 / 16
    if free_mb is not None:
        limit = min(limit, free_mb / 4)
    size = 16
    while size * 2 <= min(limit, 1024):
        size *= 2
    return size


def free_memory_mb(kind: DeviceKind, gpu_free_mb: int, root: Path = Path("/")) -> int:
    """Of a PC's GPU what CUDA says; a Jetson's is the computer's, where caches give back what CUDA counts as used."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text(root / "proc/meminfo")) if kind.boards else None
    return int(found.group(1)) // 1024 if found else gpu_free_mb


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def dotted(version: Version) -> str:
    return ".".join(map(str, version))


def parse_version(text: str) -> Version:
    """"10.3" -> (10, 3); letters after a number are dropped, as in "8.2.1a". Raises ConfigError."""
    numbers = []
    for part in str(text).split("."):
        digits = "".join(char for char in part if char.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    if len(numbers) < 2:
        raise ConfigError(f"{text!r} is no version of TensorRT; it looks like 8.2 or 10.3.0.")
    return tuple(numbers)
