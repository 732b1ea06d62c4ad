"""What a build will do, step by step and in words, and the trtexec line that does the same; nothing is done here."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from jetracer.core.errors import ModelError
from jetracer.engine.card import ModelCard
from jetracer.engine.devices import (
    BYTES_IN,
    STRONG_ONLY,
    DeviceKind,
    Version,
    check_tensorrt,
    choose_precision,
    dotted,
    workspace_mb,
)

LOW_MEMORY_MB = 700  # TensorRT's and CUDA's libraries alone take hundreds of MB; a guess, not measured on a board
NO_DLA = ((11, 0), (11, 3))  # TensorRT 11.0 to 11.3 build nothing for DLA


@dataclass(frozen=True)
class Settings:
    """All that decides what comes out of a build, beside the model, the TensorRT and the GPU."""

    precision: str  # fp32, fp16 or int8
    workspace_mb: int = 256
    strongly_typed: bool = False  # all types from the model; no flag FP16 or INT8
    dla_core: Optional[int] = None
    cast: bool = False  # a model in FP16 is made first: TensorRT 11 takes all types from the model
    float_input: bool = False  # bytes become float32 before the network: TensorRT before 8.5 takes no bytes

    @property
    def flags(self) -> Tuple[str, ...]:
        """What is in the engine's key."""
        names = {"strongly-typed": self.strongly_typed, "float-input": self.float_input}
        dla = () if self.dla_core is None else (f"dla{self.dla_core}",)
        return (*(name for name, on in names.items() if on), *dla)


@dataclass(frozen=True)
class BuildPlan:
    kind: DeviceKind
    tensorrt: Version
    model: Path
    engine: Path
    settings: Settings
    steps: Tuple[Tuple[str, str], ...]  # (name, what it does and why)
    notes: Tuple[str, ...] = ()

    @property
    def timing_cache(self) -> Path:
        return timing_cache(self.engine, self.tensorrt, self.kind)

    @property
    def trtexec(self) -> str:
        cast = f"jetracer optimize fp16 {self.model} --out {self.parsed} && " if self.settings.cast else ""
        return cast + trtexec(self.settings, self.tensorrt, self.parsed, self.engine, self.timing_cache)

    @property
    def parsed(self) -> Path:
        """The file that TensorRT reads."""
        if self.settings.cast:
            return self.engine.with_suffix(".fp16.onnx")
        return self.engine.with_suffix(".float.onnx") if self.settings.float_input else self.model

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.steps)
        lines = [f"{self.model} for {self.kind.title}, TensorRT {dotted(self.tensorrt)}"]
        lines += [f"  {name:<{width}}  {text}" for name, text in self.steps]
        lines += [f"Note: {note}." for note in self.notes]
        return "\n".join([*lines, "The same by hand:", f"  {self.trtexec}"])


def make_plan(model: Path, card: ModelCard, kind: DeviceKind, tensorrt: Version, engine: Path, precision: str = "auto",
              dla: bool = False, free_mb: Optional[int] = None) -> BuildPlan:
    """Decide everything. Raises ModelError with the reason where it cannot be built."""
    if not kind.newest:
        raise ModelError(f"A {kind.title} needs no build: ONNX Runtime runs {model} as it is.")
    note = check_tensorrt(kind, tensorrt)
    chosen, why = choose_precision(kind, tensorrt, precision, card.precision)
    settings = Settings(
        precision=chosen,
        workspace_mb=workspace_mb(kind, free_mb),
        strongly_typed=tensorrt[:1] >= STRONG_ONLY or (tensorrt[0] == 10 and card.precision == "fp16"),
        dla_core=_dla(kind, tensorrt, chosen) if dla else None,
        cast=tensorrt[:1] >= STRONG_ONLY and chosen == "fp16" and card.precision == "fp32",
        float_input=card.input.dtype == "uint8" and tensorrt[:2] < BYTES_IN,
    )
    return BuildPlan(kind, tensorrt, model, engine, settings, _steps(settings, why, tensorrt, engine, kind),
                     tuple(text for text in (note, _low(free_mb)) if text))


def _low(free_mb: Optional[int]) -> str:
    if free_mb is None or free_mb >= LOW_MEMORY_MB:
        return ""
    return (f"only {free_mb} MB of memory are free, and the kernel may kill the build; end the desktop first: "
            "sudo systemctl isolate multi-user.target")


def _dla(kind: DeviceKind, tensorrt: Version, precision: str) -> int:
    if not kind.dla:
        raise ModelError(f"{kind.title} has no deep learning accelerator (DLA): build without --dla.")
    if NO_DLA[0] <= tensorrt[:2] <= NO_DLA[1]:
        raise ModelError(f"TensorRT {dotted(tensorrt[:2])} builds nothing for the DLA: build without --dla.")
    if precision == "fp32":
        raise ModelError("The deep learning accelerator (DLA) calculates in FP16 and INT8 only: build without --dla.")
    return 0


def _steps(settings: Settings, why: str, tensorrt: Version, engine: Path, kind: DeviceKind) -> Tuple:
    steps = [("precision", why)]
    if settings.float_input:
        steps.append(("input", "TensorRT before 8.5 takes no bytes: a model that takes float32 is written to "
                               f"{engine.with_suffix('.float.onnx').name}"))
    if settings.cast:
        steps.append(("model", f"TensorRT {tensorrt[0]} takes all types from the model: it is cast to FP16 as "
                               f"{engine.with_suffix('.fp16.onnx').name}, what suffers from that stays FP32"))
    typed = "strongly typed" if settings.strongly_typed else "TensorRT chooses types layer by layer"
    steps += [
        ("parse", f"ONNX into a network with explicit batch, {typed}"),
        ("optimise", f"try kernels within {settings.workspace_mb} MB; "
                     f"timings stay in {timing_cache(engine, tensorrt, kind).name} for the next build"),
    ]
    if settings.dla_core is not None:
        steps.append(("DLA", f"core {settings.dla_core}; layers that it cannot run fall back to the GPU"))
    steps += [
        ("execute", "load the plan and run it once"),
        ("compare", "with the model in FP32, in ONNX Runtime; what does not agree does not drive"),
        ("write", f"{engine}, whole or not at all, with what it was made of and for"),
    ]
    return tuple(steps)


def timing_cache(engine: Path, tensorrt: Version, kind: DeviceKind) -> Path:
    """Timings hold for one TensorRT on one kind of GPU, and serve all models there."""
    return engine.with_name(f"timing-{dotted(tensorrt)}-{kind.name}.cache")


def trtexec(settings: Settings, tensorrt: Version, model: Path, engine: Path, cache: Path) -> str:
    """NVIDIA's own command with the same options, by the help text of that version."""
    words = ["trtexec", f"--onnx={model}", f"--saveEngine={engine.with_suffix('.plan')}"]
    if settings.strongly_typed:
        words += ["--stronglyTyped"] if tensorrt[0] < 11 else []  # always on from 11
    else:
        words += ["--fp16"] if settings.precision in ("fp16", "int8") else []
        words += ["--int8"] if settings.precision == "int8" else []
    size = settings.workspace_mb
    words.append(f"--memPoolSize=workspace:{size}" if tensorrt[:2] >= (8, 4) else f"--workspace={size}")
    if settings.dla_core is not None:
        words += [f"--useDLACore={settings.dla_core}", "--allowGPUFallback"]
    words.append(f"--timingCacheFile={cache}")
    words.append("--skipInference" if tensorrt[:2] >= (8, 6) else "--buildOnly")
    return " ".join(words)
