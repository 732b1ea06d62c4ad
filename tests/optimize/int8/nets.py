"""Tiny nets that hold what real ones do: bytes in, a residual, a depthwise convolution, a head."""
from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jetracer.optimize.int8.judge import Cost, Judge

SIDE = 16


class Net:
    """A graph written node by node; weights are drawn, the same every time."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes, self.stored = [], []

    def weight(self, name, *shape, scale=None):
        fan = np.prod(shape[1:]) if len(shape) > 1 else 1.0
        value = self.random.normal(0.0, scale or fan**-0.5, shape).astype(np.float32)
        return self.store(name, value)

    def store(self, name, value):
        self.stored.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind, given, out, **attributes):
        self.nodes.append(helper.make_node(kind, given, [out], out, **attributes))
        return out

    def conv(self, given, out, inputs, outputs, kernel=3, stride=1, group=1, pads=None):
        pad = kernel // 2 if pads is None else pads
        return self.node(
            "Conv", [given, self.weight(f"{out}.w", outputs, inputs // group, kernel, kernel),
                     self.weight(f"{out}.b", outputs, scale=0.1)], out,
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=group)

    def model(self, outputs, opset=13, given="uint8"):
        kind, shape = (TensorProto.UINT8, [1, SIDE, SIDE, 3]) if given == "uint8" else (
            TensorProto.FLOAT, [1, 3, SIDE, SIDE])
        graph = helper.make_graph(
            self.nodes, "net", [helper.make_tensor_value_info("image", kind, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(size)) for name, size in outputs.items()],
            self.stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


def bytes_in(net, mean=128.0, scale=1.0 / 64.0):
    pixels = net.node("Transpose", [net.node("Cast", ["image"], "cast", to=TensorProto.FLOAT)], "turned",
                      perm=[0, 3, 1, 2])
    if mean is not None:
        pixels = net.node("Sub", [pixels, net.store("mean", np.array(mean, np.float32))], "less")
    return net.node("Mul", [pixels, net.store("scale", np.array(scale, np.float32))], "pixels")


def residual_net(seed=0, **normalisation):
    """Two convolutions around a shortcut, a projection as a shortcut, a ReLU6, pooling, two dense layers."""
    net = Net(seed)
    x = net.node("Relu", [net.conv(bytes_in(net, **normalisation), "stem", 3, 8)], "stem.relu")
    y = net.node("Relu", [net.conv(x, "one", 8, 8)], "one.relu")
    x = net.node("Relu", [net.node("Add", [x, net.conv(y, "two", 8, 8)], "sum")], "sum.relu")
    y = net.node("Relu", [net.conv(x, "three", 8, 16, stride=2)], "three.relu")
    x = net.node("Add", [net.conv(y, "four", 16, 16), net.conv(x, "project", 8, 16, kernel=1, stride=2)], "sum2")
    zero, six = net.store("zero", np.float32(0)), net.store("six", np.float32(6))
    x = net.node("Clip", [net.conv(x, "deep", 16, 16, group=16), zero, six], "clip")
    x = net.node("Flatten", [net.node("MaxPool", [x], "pool", kernel_shape=[2, 2], strides=[2, 2])], "flat")
    x = net.node("Relu", [net.node("Gemm", [x, net.weight("hidden.w", 12, 256), net.weight("hidden.b", 12)],
                                   "hidden", transB=1)], "hidden.relu")
    net.node("Gemm", [x, net.weight("aim.w", 2, 12), net.weight("aim.b", 2, scale=0.1)], "aim", transB=1)
    return net.model({"aim": (1, 2)})


def pictures(count, seed=1):
    """(count,16,16,3) uint8 of soft blobs and noise."""
    random = np.random.default_rng(seed)
    base = random.integers(0, 256, (count, 4, 4, 3)).repeat(4, 1).repeat(4, 2)
    return np.clip(base + random.normal(0, 12, base.shape), 0, 255).astype(np.uint8)


def answer(model, picture):
    """Every output of a model for one picture, in one row."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.add_session_config_entry("session.x64quantprecision", "1")  # as the engine does
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([np.ravel(one) for one in session.run(None, {name: picture[None]})])


class Frank(Judge):
    """Judges by the budget alone: nets of random weights are no match for a gate that was made for trained ones."""

    def cost(self, *given):
        return Cost(super().cost(*given).increase)
