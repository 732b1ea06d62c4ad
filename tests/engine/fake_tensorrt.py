"""TensorRT's Python surface, strict, one for each version, on the CPU.

Written from NVIDIA's documents: the Python API references of 8.2.5, 8.5.3, 10.13 and 11.4, and the migration guides
8 to 10 and 10 to 11. What a version lacks raises AttributeError, to read or to set; what it demands is demanded. A plan
holds the ONNX model, and running it runs that in ONNX Runtime: so an adapter is tested down to its answers.
"""
from __future__ import annotations

import enum
import json
from types import SimpleNamespace
from typing import Any, Dict, List

import numpy as np
import onnx
import onnxruntime

from .fake_cuda import STREAM, FakeCuda
from .fake_plugins import build_plugins, deserialise_plugins, find_plugins, plugins_surface

VERSIONS = ("8.2.1.9", "8.5.2.2", "10.3.0.26", "10.16.0.1", "11.4.0.106")
# operators that came later, by onnx-tensorrt's change log
LATER = {"GridSample": (8, 5), "HardSwish": (8, 5), "NonZero": (8, 5), "LayerNormalization": (8, 6), "Hardmax": (9, 2)}
NODES_STEPS = 4  # steps of a build's one phase
_ONNX_TYPES = {1: "FLOAT", 2: "UINT8", 3: "INT8", 6: "INT32", 7: "INT64", 9: "BOOL", 10: "HALF"}
_SIZES = {"FLOAT": "float32", "UINT8": "uint8", "INT8": "int8", "INT32": "int32", "INT64": "int64", "HALF": "float16"}


class Strict:
    """As pybind11's objects: only what the class declares can be set."""

    settable: tuple = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in self.settable:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        super().__setattr__(name, value)


class HostMemory(bytearray):
    """Has a buffer, as IHostMemory."""


def fake_tensorrt(version: str, cuda: FakeCuda = None, dla_cores: int = 0) -> SimpleNamespace:
    """A stand-in for `import tensorrt` of that version."""
    trt = SimpleNamespace(__version__=version)
    trt._number = tuple(map(int, version.split(".")[:2]))
    trt._cuda, trt._dla_cores = cuda or FakeCuda(), dla_cores
    _enums(trt)
    _surface(trt)
    return trt


def _enums(trt: SimpleNamespace) -> None:
    number = trt._number
    creation = ["EXPLICIT_BATCH"] if number < (11, 0) else []
    creation += ["EXPLICIT_PRECISION"] if number < (9, 0) else ["STRONGLY_TYPED"]
    trt.NetworkDefinitionCreationFlag = enum.IntEnum("NetworkDefinitionCreationFlag", creation, start=0)
    flags = ["DEBUG", "GPU_FALLBACK", "REFIT", "DISABLE_TIMING_CACHE", "TF32"]
    flags += ["FP16", "INT8"] if number < (11, 0) else []
    flags += ["STRICT_TYPES"] if number < (9, 0) else []
    trt.BuilderFlag = enum.IntEnum("BuilderFlag", flags, start=0)
    types = ["FLOAT", "HALF", "INT8", "INT32", "BOOL"]
    types += ["UINT8"] if number >= (8, 5) else []
    types += ["INT64"] if number >= (10, 0) else []
    trt.DataType = enum.IntEnum("DataType", types, start=0)
    trt.DeviceType = enum.IntEnum("DeviceType", ["GPU", "DLA"], start=0)
    if number >= (8, 4):
        trt.MemoryPoolType = enum.IntEnum("MemoryPoolType", ["WORKSPACE", "DLA_MANAGED_SRAM"], start=0)
    if number >= (8, 5):
        trt.TensorIOMode = enum.IntEnum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"], start=0)


def _surface(trt: SimpleNamespace) -> None:
    number = trt._number

    class ILogger:
        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

        def __init__(self) -> None:
            self._made = True

    trt.ILogger = ILogger
    trt.Builder = lambda logger: Builder(trt, _made(logger))
    trt.OnnxParser = lambda network, logger: Parser(trt, network, _made(logger))
    trt.Runtime = lambda logger: Runtime(trt, _made(logger))
    trt.INetworkDefinition = Network
    if number >= (10, 0):
        trt.INetworkDefinition = PluginNetwork
        plugins_surface(trt)
        trt.IProgressMonitor = type("IProgressMonitor", (), {"__init__": lambda self: setattr(self, "_made", True)})


def _made(thing: Any) -> Any:
    assert thing._made, "a subclass must call the base class's __init__ itself"
    return thing


class Builder(Strict):
    def __init__(self, trt: Any, logger: Any) -> None:
        self._trt, self._logger = trt, logger

    @property
    def num_DLA_cores(self) -> int:  # noqa: N802, as TensorRT has it
        return self._trt._dla_cores

    def create_network(self, flags: int = 0) -> Network:
        return self._trt.INetworkDefinition(self._trt, flags)

    def create_builder_config(self) -> Any:
        kind = Config82 if self._trt._number < (8, 4) else Config85 if self._trt._number < (10, 0) else Config10
        return kind(self._trt)

    def build_serialized_network(self, network: Network, config: Any) -> Any:
        wrong = _cannot_build(self._trt, network, config)
        if wrong:
            self._logger.log(self._trt.ILogger.ERROR, f"4: {wrong}")
            return None
        config._cache._timed.add(len(network._model.graph.node))
        if not _told_and_go_on(getattr(config, "progress_monitor", None)):
            return None
        plugins = build_plugins(self._trt, network._plugins)
        head = {"plugins": plugins,
                "version": self._trt.__version__, "flags": sorted(flag.name for flag in config._flags),
                "strong": network._strong, "dla": getattr(config, "DLA_core", -1), "workspace": config._workspace()}
        text = json.dumps(head).encode()
        version = bytes(self._trt._number) + bytes([int(self._trt.__version__.split(".")[2])])
        start = b"ftrt" + bytes(20) + version + b"\0" + len(text).to_bytes(4, "little") + text
        return HostMemory(start + network._model.SerializeToString())


def _cannot_build(trt: Any, network: Network, config: Any) -> str:
    names = {flag.name for flag in config._flags}
    if network._model is None:
        return "network has no layers"
    if network._strong and names & {"FP16", "INT8"}:
        return "precision flags cannot be set for a strongly typed network"
    if config.default_device_type == trt.DeviceType.DLA:
        if config.DLA_core >= trt._dla_cores:
            return "DLA core is not available"
        if not names & {"FP16", "INT8"} and not network._strong:
            return "DLA needs FP16 or INT8"
    if any(node.op_type == "DequantizeLinear" for node in network._model.graph.node) and not (
            "INT8" in names or network._strong):
        return "Q/DQ layers need the INT8 flag"
    return ""


def _told_and_go_on(monitor: Any) -> bool:
    if monitor is None:
        return True
    assert monitor._made
    monitor.phase_start("Building Engine", None, NODES_STEPS)
    monitor.phase_start("Timing", "Building Engine", 2)
    going = monitor.step_complete("Timing", 0)
    monitor.phase_finish("Timing")
    for step in range(NODES_STEPS):
        going = going and monitor.step_complete("Building Engine", step)
    monitor.phase_finish("Building Engine")
    return going


class TimingCache(Strict):
    def __init__(self, version: str, timed: set) -> None:
        self._version, self._timed = version, timed

    def serialize(self) -> HostMemory:
        return HostMemory(json.dumps([self._version, sorted(self._timed)]).encode())


class Config(Strict):
    """What all versions have."""

    settable = ("default_device_type", "DLA_core")

    def __init__(self, trt: Any) -> None:
        self._trt, self._flags = trt, set()
        self._cache = TimingCache(trt.__version__, set())
        self.default_device_type, self.DLA_core = trt.DeviceType.GPU, -1

    def set_flag(self, flag: Any) -> None:
        assert isinstance(flag, self._trt.BuilderFlag)
        self._flags.add(flag)

    def create_timing_cache(self, content: bytes) -> TimingCache:
        assert isinstance(content, bytes)
        version, timed = json.loads(content) if content else (self._trt.__version__, [])
        return TimingCache(version, set(timed))

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        if cache._version != self._trt.__version__ and not ignore_mismatch:
            return False
        self._cache = cache
        return True

    def get_timing_cache(self) -> TimingCache:
        return self._cache


class Config82(Config):
    settable = (*Config.settable, "max_workspace_size", "int8_calibrator")

    def _workspace(self) -> int:
        return getattr(self, "max_workspace_size", 0)


class Config85(Config82):
    """max_workspace_size is deprecated, and still there."""

    def set_memory_pool_limit(self, pool: Any, size: int) -> None:
        assert isinstance(pool, self._trt.MemoryPoolType)
        self._pool = size

    def _workspace(self) -> int:
        return getattr(self, "_pool", 0)


class Config10(Config):
    settable = (*Config.settable, "progress_monitor")
    set_memory_pool_limit, _workspace = Config85.set_memory_pool_limit, Config85._workspace


class Network(Strict):
    def __init__(self, trt: Any, flags: int) -> None:
        assert flags < 1 << len(trt.NetworkDefinitionCreationFlag), "an unknown flag"
        names = {flag.name for flag in trt.NetworkDefinitionCreationFlag if flags & 1 << int(flag)}
        self._model: Any = None
        self._plugins: List[Any] = []
        self._explicit = trt._number >= (10, 0) or "EXPLICIT_BATCH" in names
        self._strong = trt._number >= (11, 0) or "STRONGLY_TYPED" in names

    num_layers = property(lambda self: len(self._model.graph.node))
    num_inputs = property(lambda self: len(self._model.graph.input))
    num_outputs = property(lambda self: len(self._model.graph.output))


class PluginNetwork(Network):
    def add_plugin_v3(self, inputs: Any, shape_inputs: Any, plugin: Any) -> None:
        raise NotImplementedError("JetRacer's plugins come in by the parser")


class Parser(Strict):
    def __init__(self, trt: Any, network: Network, logger: Any) -> None:
        self._trt, self._network, self._errors = trt, network, []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> Any:
        return self._errors[index]

    def parse(self, model: bytes) -> bool:
        assert isinstance(model, bytes)
        try:
            graph = onnx.load_from_string(model)
            wrong = self._wrong(graph)
            found, missing = find_plugins(self._trt, graph)
            wrong = wrong or missing
        except Exception:  # protobuf's, which differs by version
            wrong = (-1, "Failed to parse ONNX model from buffer")
        if wrong:
            error = SimpleNamespace(node=lambda: wrong[0], desc=lambda: wrong[1])
            if self._trt._number >= (10, 0):
                node = graph.graph.node[wrong[0]] if wrong[0] >= 0 else onnx.NodeProto()
                error.node_name, error.node_operator = (lambda: node.name), (lambda: node.op_type)
            self._errors.append(error)
            return False
        self._network._model = graph
        self._network._plugins = found
        return True

    def _wrong(self, model: Any) -> Any:
        number = self._trt._number
        if not self._network._explicit:
            return -1, "This version of the ONNX parser only supports networks with an explicit batch dimension."
        for index, node in enumerate(model.graph.node):
            if node.op_type == "Unheard":
                return index, "No importer registered for op: Unheard"
        if number < (8, 5) and model.opset_import[0].version > 13:
            return -1, f"No importer registered for opset {model.opset_import[0].version}"
        for entry in (*model.graph.input, *model.graph.output):
            kind = _ONNX_TYPES[entry.type.tensor_type.elem_type]
            if kind not in self._trt.DataType.__members__:
                return -1, f"Unsupported ONNX data type: {kind} ({entry.type.tensor_type.elem_type})"
        for index, node in enumerate(model.graph.node):
            if number < LATER.get(node.op_type, (8, 0)):
                return index, f"No importer registered for op: {node.op_type}"
        return None


class Runtime(Strict):
    def __init__(self, trt: Any, logger: Any) -> None:
        self._trt, self._logger = trt, logger

    def deserialize_cuda_engine(self, plan: bytes) -> Any:
        if not plan.startswith(b"ftrt"):
            self._logger.log(self._trt.ILogger.ERROR, "1: Serialization assertion magicTagRead == kMAGIC_TAG failed")
            return None
        length = int.from_bytes(plan[28:32], "little")
        head = json.loads(plan[32:32 + length])
        if head["version"] != self._trt.__version__:
            self._logger.log(self._trt.ILogger.ERROR, "1: Serialization assertion stdVersionRead == kVERSION failed")
            return None
        number = self._trt._number
        kind = Engine82 if number < (8, 5) else Engine85 if number < (10, 0) else Engine10
        return kind(self._trt, head, plan[32 + length:])


class EngineParts(Strict):
    """An ICudaEngine without its way of naming tensors."""

    def __init__(self, trt: Any, head: Dict[str, Any], model: bytes) -> None:
        self._trt, self._head, self._model = trt, head, model
        graph = onnx.load_from_string(model).graph
        self._tensors = [(entry, entry in graph.input) for entry in (*graph.input, *graph.output)]

    def create_execution_context(self) -> Any:
        number = self._trt._number
        return (Context82 if number < (8, 5) else Context85 if number < (10, 0) else Context10)(self)

    def _shape(self, index: int) -> List[int]:
        return [side.dim_value or -1 for side in self._tensors[index][0].type.tensor_type.shape.dim]

    def _dtype(self, index: int) -> Any:
        return self._trt.DataType[_ONNX_TYPES[self._tensors[index][0].type.tensor_type.elem_type]]

    def _index(self, name: str) -> int:
        return [entry.name for entry, _ in self._tensors].index(name)


class Engine82(EngineParts):
    num_bindings = property(lambda self: len(self._tensors))

    def get_binding_name(self, index: int) -> str:
        return self._tensors[index][0].name

    def binding_is_input(self, index: int) -> bool:
        return self._tensors[index][1]

    def get_binding_shape(self, index: int) -> List[int]:
        return self._shape(index)

    def get_binding_dtype(self, index: int) -> Any:
        return self._dtype(index)


class Engine10(EngineParts):
    num_io_tensors = property(lambda self: len(self._tensors))

    def get_tensor_name(self, index: int) -> str:
        return self._tensors[index][0].name

    def get_tensor_mode(self, name: str) -> Any:
        return self._trt.TensorIOMode["INPUT" if self._tensors[self._index(name)][1] else "OUTPUT"]

    def get_tensor_shape(self, name: str) -> List[int]:
        return self._shape(self._index(name))

    def get_tensor_dtype(self, name: str) -> Any:
        return self._dtype(self._index(name))


class Engine85(Engine82, Engine10):
    """Has both ways."""


class ContextParts(Strict):
    def __init__(self, engine: EngineParts) -> None:
        self._engine, self._addresses, self._ran = engine, {}, False
        self._plugins = deserialise_plugins(engine._trt, engine._head["plugins"], engine._model)
        if len(self._plugins) < sum(not is_input for _, is_input in engine._tensors):
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(engine._model, options, providers=["CPUExecutionProvider"])

    def _enqueue(self, stream: int) -> bool:
        assert stream == STREAM, "the default stream waits for all others"
        cuda = self._engine._trt._cuda
        if set(self._addresses) != {entry.name for entry, _ in self._engine._tensors}:
            return False
        if cuda.capturing is not None and not self._ran:  # the first run takes memory
            return False
        self._ran = True
        cuda.ask(lambda: self._run(cuda.device))
        return True

    def _run(self, device: Dict[int, np.ndarray]) -> None:
        feeds = {}
        for index, (entry, is_input) in enumerate(self._engine._tensors):
            if is_input:
                kind = _SIZES[self._engine._dtype(index).name]
                feeds[entry.name] = device[self._addresses[entry.name]].view(kind).reshape(self._engine._shape(index))
        names = [entry.name for entry, is_input in self._engine._tensors if not is_input]
        for plugin in self._plugins:
            plugin.run(feeds, device, self._addresses, STREAM)
            names.remove(plugin.output)
        for name, answer in zip(names, self._session.run(names, feeds) if names else ()):
            np.copyto(device[self._addresses[name]], answer.reshape(-1).view(np.uint8))


class Context82(ContextParts):
    def execute_async_v2(self, bindings: List[int], stream_handle: int) -> bool:
        names = [entry.name for entry, _ in self._engine._tensors]
        assert len(bindings) == len(names)
        self._addresses.update(zip(names, map(int, bindings)))
        return self._enqueue(stream_handle)


class Context10(ContextParts):
    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = int(memory)
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        return self._enqueue(stream_handle)


class Context85(Context82, Context10):
    """Has both ways."""
