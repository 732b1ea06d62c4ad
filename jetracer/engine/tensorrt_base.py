"""TensorRT, whichever is installed: parse -> optimise -> execute, each with a report.

This file holds what all versions share. What changed is in one file per version, each built on the one before:
tensorrt_8_2, tensorrt_8_5, tensorrt_10, tensorrt_11. No adapter names what its version lacks.
Source: NVIDIA's Python API references of 8.2.5, 8.5.3, 10.13 and 11.4, and its migration guides.
"""
from __future__ import annotations

import gc
import time
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import numpy as np

from jetracer.core.errors import ModelError
from jetracer.core.registry import Registry
from jetracer.engine.build_plan import Settings
from jetracer.engine.devices import Version, parse_version

Watch = Callable[[str, int, int], bool]  # phase, steps done, steps in all -> False to end the build

ADAPTERS = Registry(
    "TensorRT adapter",
    {
        "8.0": "jetracer.engine.tensorrt_8_2:TensorRT82",
        "8.5": "jetracer.engine.tensorrt_8_5:TensorRT85",
        "10.0": "jetracer.engine.tensorrt_10:TensorRT10",
        "11.0": "jetracer.engine.tensorrt_11:TensorRT11",
    },
)

_NUMPY = {"FLOAT": "float32", "HALF": "float16", "INT8": "int8", "INT32": "int32", "BOOL": "bool", "UINT8": "uint8",
          "INT64": "int64"}


class Report(NamedTuple):
    """What a step did. `detail` is one line for a person."""

    step: str  # parse, optimise or execute
    seconds: float
    detail: str

    def __str__(self) -> str:
        return f"{self.step:<8} {self.seconds:6.1f} s  {self.detail}"


class Tensor(NamedTuple):
    """An input or an output of an engine."""

    name: str
    is_input: bool
    shape: Tuple[int, ...]
    dtype: Any  # numpy's


class Network(NamedTuple):
    """What `parse` made. All of it must live until the build is done."""

    builder: Any
    definition: Any
    parser: Any
    report: Report


class Built(NamedTuple):
    plan: bytes
    timing_cache: bytes
    report: Report


class BuildStopped(ModelError):
    """The build was ended by its watch. `timing_cache` holds what was timed until then."""

    timing_cache = b""


class Adapter:
    """One TensorRT. `trt` is its module, or a stand-in with the same surface."""

    def __init__(self, trt: Any) -> None:
        self.trt = trt
        self.version: Version = parse_version(trt.__version__)
        self.log: List[str] = []  # what TensorRT said, newest last
        self.logger = keeping(trt, self.log)

    tells_progress = False  # while it builds; such a build can be ended too

    # what differs by version
    def network_flags(self, settings: Settings) -> int:
        raise NotImplementedError

    def limit_workspace(self, config: Any, size: int) -> None:
        raise NotImplementedError

    def set_types(self, config: Any, settings: Settings) -> None:
        raise NotImplementedError

    def watch(self, config: Any, watch: Optional[Watch]) -> Any:
        """Have TensorRT tell `watch` how far it is, where it can; what is returned must live as long as the build."""

    def tensors(self, engine: Any) -> List[Tensor]:
        raise NotImplementedError

    def bind(self, context: Any, tensors: List[Tensor], addresses: List[int]) -> Callable[[int], bool]:
        """Tell the context where its tensors lie; returned is what runs it once on a CUDA stream."""
        raise NotImplementedError

    def where(self, error: Any) -> str:
        """Which node of the model the parser means."""
        return f"node {error.node()}"

    # what does not
    def parse(self, model: bytes, settings: Settings) -> Network:
        """Step 1: an ONNX file's bytes into TensorRT's network. Raises ModelError naming the node."""
        started_s = time.monotonic()
        builder = create(self.trt.Builder, self.logger)
        definition = builder.create_network(self.network_flags(settings))
        parser = self.trt.OnnxParser(definition, self.logger)
        if not parser.parse(model):
            raise ModelError(self._refusal(parser))
        detail = f"{definition.num_layers} layers, {definition.num_inputs} in, {definition.num_outputs} out"
        return Network(builder, definition, parser, Report("parse", time.monotonic() - started_s, detail))

    def optimise(self, network: Network, settings: Settings, cache: bytes = b"", watch: Optional[Watch] = None
                 ) -> Built:
        """Step 2: try kernels, keep the fastest. Minutes on a Jetson. Raises ModelError, or BuildStopped by `watch`."""
        started_s = time.monotonic()
        config = network.builder.create_builder_config()
        self.limit_workspace(config, settings.workspace_mb << 20)
        self.set_types(config, settings)
        if settings.dla_core is not None:
            config.default_device_type = self.trt.DeviceType.DLA
            config.DLA_core = settings.dla_core
            config.set_flag(self.trt.BuilderFlag.GPU_FALLBACK)
        timings = config.create_timing_cache(cache)
        if not config.set_timing_cache(timings, False):  # of another TensorRT or GPU
            timings = config.create_timing_cache(b"")
            config.set_timing_cache(timings, False)
        stopped: List[bool] = []
        monitor = self.watch(config, watch and _until_false(watch, stopped))
        plan = network.builder.build_serialized_network(network.definition, config)
        del monitor
        kept = bytes(memoryview(config.get_timing_cache().serialize()))
        if plan is None:
            raise self._no_plan(stopped, kept)
        plan = bytes(memoryview(plan))
        detail = f"{len(plan) / 1e6:.1f} MB, {settings.precision}, workspace {settings.workspace_mb} MB"
        return Built(plan, kept, Report("optimise", time.monotonic() - started_s, detail))

    def load(self, plan: bytes) -> Tuple[Any, Any]:
        """Step 3, first half: (engine, context) of a plan. Raises ModelError with what TensorRT said."""
        runtime = create(self.trt.Runtime, self.logger)
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise ModelError(f"TensorRT {self.trt.__version__} does not load the engine ({self.last_words()}).")
        context = engine.create_execution_context()
        if context is None:
            raise ModelError(f"TensorRT cannot prepare the engine ({self.last_words()}): is the memory full?")
        return engine, context

    def last_words(self) -> str:
        return self.log[-1] if self.log else "it said nothing"

    def numpy_type(self, trt_type: Any) -> Any:
        """By name: TensorRT's own nptype() asks NumPy for names that 1.24 removed."""
        if trt_type.name not in _NUMPY:
            raise ModelError(f"The engine has a tensor of type {trt_type.name}, which has no place in NumPy.")
        return np.dtype(_NUMPY[trt_type.name])

    def _refusal(self, parser: Any) -> str:
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        said = "; ".join(f"{self.where(error)}: {error.desc()}" for error in errors[:3]) or self.last_words()
        return f"TensorRT {self.trt.__version__} cannot read the model ({' '.join(said.split())})."

    def _no_plan(self, stopped: List[bool], kept: bytes) -> ModelError:
        if not stopped:
            return ModelError(f"TensorRT {self.trt.__version__} cannot build the model ({self.last_words()}).")
        error = BuildStopped("The build was ended before it was done; the same command goes on from here.")
        error.timing_cache = kept
        return error


def adapter_for(trt: Any) -> Adapter:
    """The adapter for the TensorRT module `trt`, by its version. Raises ModelError for one older than 8.0."""
    version = parse_version(trt.__version__)
    fitting = [name for name in ADAPTERS.names if parse_version(name) <= version[:2]]
    if not fitting:
        raise ModelError(f"TensorRT {trt.__version__} is too old: 8.0 (JetPack 4.6) is the first that is supported.")
    return ADAPTERS.create(max(fitting, key=parse_version), trt)


def import_tensorrt() -> Any:
    """The installed TensorRT's module. Raises ModelError with the next step."""
    try:
        import tensorrt
    except ImportError as error:
        raise ModelError(
            f"TensorRT cannot be imported ({error}); on a Jetson run: sudo apt install tensorrt python3-libnvinfer, "
            "and make the virtual environment of the system's own Python, with --system-site-packages.") from error
    if not hasattr(tensorrt, "__version__"):
        raise ModelError("The package called tensorrt is not TensorRT: pip uninstall tensorrt")
    return tensorrt


def create(kind: Callable[[Any], Any], logger: Any) -> Any:
    """A Builder or a Runtime of TensorRT's.

    What Python has still to let go of goes first. TensorRT makes and destroys these under one lock, and logs while it
    holds that: were an older one collected within the logger, which is Python, it would wait for that lock for ever.
    """
    gc.collect()
    return kind(logger)


def keeping(trt: Any, log: List[str]) -> Any:
    """A logger of the TensorRT module `trt` that prints nothing and keeps the newest 50 errors in `log`."""

    class Logger(trt.ILogger):

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, text: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                log.append(" ".join(str(text).split())[:300])
                del log[:-50]

    return Logger()


def _until_false(watch: Watch, stopped: List[bool]) -> Watch:
    def noted(phase: str, done: int, total: int) -> bool:
        if not watch(phase, done, total):
            stopped.append(True)
        return not stopped

    return noted
