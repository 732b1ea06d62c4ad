"""TensorRT 10's plugin interface (IPluginV3 in Python), strict, on the CPU: what is called when, and with what.

Written from NVIDIA's Python API reference of 10.13. A plugin is found by its node's name, asked while it is built,
written into the plan as the fields it names, made anew from those, and run on addresses. Its node is the last
before an output.
"""
from __future__ import annotations

import enum
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple

import numpy as np
import onnx
import onnxruntime


def _base(name: str, **members: Any) -> type:
    def begin(self: Any) -> None:
        self.__dict__.setdefault("_made", set()).add(name)

    return type(name, (), {"__init__": begin, **members})


class PluginField(SimpleNamespace):
    def __init__(self, name: str, data: np.ndarray, type: Any) -> None:
        assert isinstance(data, np.ndarray) and data.flags["C_CONTIGUOUS"]
        super().__init__(name=name, data=data, type=type)


class DimsExprs(list):
    def __init__(self, count: int) -> None:
        super().__init__([None] * count)


class Registry:
    def __init__(self) -> None:
        self._found: Dict[Tuple[str, str, str], Any] = {}

    @property
    def all_creators(self) -> List[Any]:
        return list(self._found.values())

    def register_creator(self, creator: Any, namespace: str = "") -> bool:
        assert creator._made == {"IPluginCreatorV3One"} and creator.field_names is not None
        key = (creator.name, creator.plugin_version, namespace)
        assert key not in self._found, "registered already"
        self._found[key] = creator
        return True

    def get_creator(self, name: str, version: str, namespace: str = "") -> Any:
        return self._found.get((name, version, namespace))


def plugins_surface(trt: Any) -> None:
    for name in ("IPluginV3", "IPluginV3OneCore", "IPluginV3OneBuild", "IPluginV3OneRuntime", "IPluginCreatorV3One"):
        setattr(trt, name, _base(name))
    trt.PluginField, trt.PluginFieldCollection, trt.DimsExprs = PluginField, list, DimsExprs
    trt.PluginFieldType = enum.IntEnum("PluginFieldType", ["FLOAT16", "FLOAT32", "INT32", "CHAR"], start=0)
    trt.PluginCapabilityType = enum.IntEnum("PluginCapabilityType", ["CORE", "BUILD", "RUNTIME"], start=0)
    trt.TensorRTPhase = enum.IntEnum("TensorRTPhase", ["BUILD", "RUNTIME"], start=0)
    trt.TensorFormat = enum.IntEnum("TensorFormat", ["LINEAR", "CHW2", "HWC8"], start=0)
    registry = Registry()
    trt.get_plugin_registry = lambda: registry


def find_plugins(trt: Any, model: Any) -> Tuple[List[Any], Any]:
    """(plugins of nodes of other domains, what is missing as (node, text) or None)."""
    found = []
    for index, node in enumerate(model.graph.node):
        if node.domain in ("", "ai.onnx"):
            continue
        namespace = node.domain if trt._number >= (10, 10) else ""
        registry = trt.get_plugin_registry() if trt._number >= (10, 0) else Registry()
        creator = registry.get_creator(node.op_type, "1", namespace)
        if creator is None:
            return [], (index, f"No importer registered for op: {node.op_type}. Plugin not found")
        fields = [PluginField(entry.name, np.array([entry.f], np.float32), trt.PluginFieldType.FLOAT32)
                  for entry in node.attribute]
        found.append((node, creator, creator.create_plugin(node.name, fields, trt.TensorRTPhase.BUILD), model))
    return found, None


def build_plugins(trt: Any, plugins: List[Any]) -> List[Dict[str, Any]]:
    """Ask each what the builder asks; what goes into the plan of it."""
    written = []
    for node, creator, made, model in plugins:
        plugin = made.clone()
        assert plugin is not made and plugin._made >= {"IPluginV3", "IPluginV3OneCore", "IPluginV3OneBuild",
                                                       "IPluginV3OneRuntime"}
        for capability in trt.PluginCapabilityType:
            assert plugin.get_capability_interface(capability) is plugin
        assert (plugin.plugin_name, plugin.plugin_version) == (creator.name, creator.plugin_version)
        dims = _dims(model, node.input[0])
        builder = SimpleNamespace(constant=lambda value: value)
        shape = plugin.get_output_shapes([dims], [], builder)[0]
        assert plugin.num_outputs == 1 and plugin.get_output_data_types([trt.DataType.FLOAT]) == [trt.DataType.FLOAT]
        assert None not in shape
        for position in (0, 1):
            assert plugin.supports_format_combination(position, _described(trt, "FLOAT", "LINEAR"), 1)
            assert not plugin.supports_format_combination(position, _described(trt, "HALF", "LINEAR"), 1)
            assert not plugin.supports_format_combination(position, _described(trt, "FLOAT", "CHW2"), 1)
        plugin.configure_plugin(_described(trt, "FLOAT", "LINEAR"), _described(trt, "FLOAT", "LINEAR"))
        written.append({"name": plugin.plugin_name, "version": plugin.plugin_version,
                        "namespace": plugin.plugin_namespace, "input": node.input[0], "output": node.output[0],
                        "shape": list(shape), "dims": dims,
                        "fields": [[field.name, field.data.tolist()] for field in plugin.get_fields_to_serialize()]})
    return written


class Placed:
    """A plugin of a loaded plan, ready to run behind the part of the model before it."""

    def __init__(self, trt: Any, written: Dict[str, Any], model: bytes) -> None:
        creator = trt.get_plugin_registry().get_creator(written["name"], written["version"], written["namespace"])
        assert creator is not None, "the plan's plugin is not registered"
        fields = [PluginField(name, np.array(values, np.float32), trt.PluginFieldType.FLOAT32)
                  for name, values in written["fields"]]
        self._plugin = creator.create_plugin("", fields, trt.TensorRTPhase.RUNTIME).attach_to_context(None)
        self.output, self._input = written["output"], written["input"]
        self._dims = (SimpleNamespace(dims=tuple(written["dims"])), SimpleNamespace(dims=tuple(written["shape"])))
        self._plugin.on_shape_change([self._dims[0]], [self._dims[1]])
        before = onnx.load_from_string(model)
        del before.graph.output[:]
        before.graph.output.append(onnx.ValueInfoProto(name=self._input))
        keep = [node for node in before.graph.node if node.domain in ("", "ai.onnx")]
        del before.graph.node[:]
        before.graph.node.extend(keep)
        self._before = onnxruntime.InferenceSession(before.SerializeToString())

    def run(self, feeds: Dict[str, np.ndarray], device: Dict[int, np.ndarray], addresses: Dict[str, int], stream: int
            ) -> None:
        heat = self._before.run(None, feeds)[0]
        place = max(device) + 0x1000
        device[place] = heat.reshape(-1).view(np.uint8).copy()
        self._plugin.enqueue([self._dims[0]], [self._dims[1]], [place], [addresses[self.output]], 0, stream)
        del device[place]


def deserialise_plugins(trt: Any, written: List[Dict[str, Any]], model: bytes) -> List[Placed]:
    return [Placed(trt, one, model) for one in written]


def _described(trt: Any, kind: str, layout: str) -> List[Any]:
    one = SimpleNamespace(desc=SimpleNamespace(type=trt.DataType[kind], format=trt.TensorFormat[layout]))
    return [one, one]


def _dims(model: Any, name: str) -> List[int]:
    known = onnx.shape_inference.infer_shapes(model).graph
    entry = next(entry for entry in (*known.value_info, *known.input) if entry.name == name)
    return [side.dim_value for side in entry.type.tensor_type.shape.dim]
