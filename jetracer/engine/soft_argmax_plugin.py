"""The soft-argmax aim as a plugin of TensorRT 10 and later (IPluginV3), in Python, with a kernel of our own.

The parser finds it by the name of the node, in the registry. Float32 in and out: an aim is what the car steers by.
Source: NVIDIA's Python API reference of 10.13 and 11.4, IPluginV3 and IPluginCreatorV3One.
"""
from __future__ import annotations

import ctypes
from typing import Any, List, Sequence

import numpy as np

from jetracer.engine.kernel import Kernel
from jetracer.engine.soft_argmax import DOMAIN, KERNEL, KERNEL_NAME, NAME, THREADS, VERSION

_KEPT: List[Any] = []  # the registry does not hold its creators, and a session of Python may end before it


def register_plugins(trt: Any, kernel: Any = None) -> bool:
    """Make our operators known to a TensorRT; False where it takes no such plugins, or knows them already.

    None before 10 does; TensorRT for RTX has the registry and no layer for them, and its parser ends the process when
    it finds one. `kernel` stands for the GPU's in tests.
    """
    if not hasattr(trt, "IPluginCreatorV3One") or not hasattr(trt.INetworkDefinition, "add_plugin_v3"):
        return False
    registry = trt.get_plugin_registry()
    if any(creator.name == NAME for creator in registry.all_creators):
        return False
    # parsers look in the node's domain from 10.10 on, in no namespace before
    for creator in make_creators(trt, kernel or Kernel(KERNEL, KERNEL_NAME)):
        _KEPT.append(creator)
        registry.register_creator(creator, creator.plugin_namespace)
    return True


def make_creators(trt: Any, kernel: Any) -> List[Any]:
    """One for each namespace, of classes of this very TensorRT."""
    plugin = _plugin(trt, kernel)
    return [_creator(trt, plugin)(namespace) for namespace in ("", DOMAIN)]


def _plugin(trt: Any, kernel: Any) -> type:

    class SoftArgmaxPlugin(trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):
        def __init__(self, sharpness: float, namespace: str) -> None:
            trt.IPluginV3.__init__(self)
            trt.IPluginV3OneCore.__init__(self)
            trt.IPluginV3OneBuild.__init__(self)
            trt.IPluginV3OneRuntime.__init__(self)
            self.plugin_name, self.plugin_version, self.plugin_namespace = NAME, VERSION, namespace
            self.num_outputs = 1
            self.sharpness = sharpness

        def get_capability_interface(self, _type: Any) -> Any:
            return self

        def clone(self) -> Any:
            return SoftArgmaxPlugin(self.sharpness, self.plugin_namespace)

        # while it is built
        def get_output_data_types(self, _input_types: Sequence[Any]) -> List[Any]:
            return [trt.DataType.FLOAT]

        def get_output_shapes(self, inputs: Sequence[Any], _shape_inputs: Sequence[Any], builder: Any) -> List[Any]:
            aim = trt.DimsExprs(3)
            aim[0], aim[1], aim[2] = inputs[0][0], inputs[0][1], builder.constant(2)
            return [aim]

        def supports_format_combination(self, position: int, tensors: Sequence[Any], _inputs: int) -> bool:
            described = tensors[position].desc
            return described.type == trt.DataType.FLOAT and described.format == trt.TensorFormat.LINEAR

        def configure_plugin(self, _inputs: Sequence[Any], _outputs: Sequence[Any]) -> None:
            """Nothing to prepare."""

        # while it runs
        def attach_to_context(self, _context: Any) -> Any:
            return self.clone()

        def on_shape_change(self, _inputs: Sequence[Any], _outputs: Sequence[Any]) -> None:
            """The sizes are read at each run."""

        def enqueue(self, described: Sequence[Any], _outputs_described: Sequence[Any], inputs: Sequence[int],
                    outputs: Sequence[int], _workspace: int, stream: int) -> None:
            count, kinds, height, width = described[0].dims
            kernel.launch(count * kinds, THREADS, (
                ctypes.c_uint64(inputs[0]), ctypes.c_uint64(outputs[0]), ctypes.c_int(height), ctypes.c_int(width),
                ctypes.c_float(self.sharpness)), stream)

        def get_fields_to_serialize(self) -> Any:
            self._value = np.array([self.sharpness], np.float32)  # the field only points at it
            return trt.PluginFieldCollection([_field(trt, self._value)])

    return SoftArgmaxPlugin


def _creator(trt: Any, plugin: type) -> type:
    class SoftArgmaxCreator(trt.IPluginCreatorV3One):
        def __init__(self, namespace: str) -> None:
            trt.IPluginCreatorV3One.__init__(self)
            self.name, self.plugin_version, self.plugin_namespace = NAME, VERSION, namespace
            self.field_names = trt.PluginFieldCollection([_field(trt, np.array([], np.float32))])

        def create_plugin(self, _name: str, given: Sequence[Any], _phase: Any) -> Any:
            values = {one.name: one.data for one in given}
            sharpness = float(np.asarray(values["sharpness"]).reshape(-1)[0]) if "sharpness" in values else 1.0
            return plugin(sharpness, self.plugin_namespace)

    return SoftArgmaxCreator


def _field(trt: Any, value: np.ndarray) -> Any:
    return trt.PluginField("sharpness", value, trt.PluginFieldType.FLOAT32)
