"""A small ONNX net that grows by one operator after another, its weights drawn at random."""
from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Tuple[int, ...]
OPSET = 17


class Row:
    """`at`: the tensor at its end, `shape`: that tensor's; set both to go on from somewhere else."""

    def __init__(self, name: str, shape: Shape, random: np.random.Generator, picture: bool = False) -> None:
        self.name, self.shape, self.random = name, tuple(shape), random
        self.at = "x"
        self._given, self._kind = tuple(shape), TensorProto.UINT8 if picture else TensorProto.FLOAT
        self._nodes: List[Any] = []
        self._stored: List[Any] = []

    def op(self, kind: str, *more: str, shape: Sequence[int] = (), **attributes: Any) -> str:
        """Put `kind` behind the row; its output becomes the end of the row, `shape` its shape where it changes."""
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, [self.at, *more], [name], name=name, **attributes))
        self.at, self.shape = name, tuple(shape) or self.shape
        return name

    def transpose(self, *order: int) -> str:
        return self.op("Transpose", shape=[self.shape[at] for at in order], perm=order)

    def reshape(self, *shape: int) -> str:
        return self.op("Reshape", self.numbers(*shape), shape=shape)

    def matmul(self, other: str, outputs: int) -> str:
        return self.op("MatMul", other, shape=(*self.shape[:-1], outputs))

    def halve(self, kind: str) -> str:
        """A pool of 2x2."""
        return self.op(kind, kernel_shape=[2, 2], strides=[2, 2],
                       shape=(*self.shape[:2], self.shape[2] // 2, self.shape[3] // 2))

    def smooth(self, kind: str) -> str:
        """A pool of 3x3 that leaves the size as it is."""
        return self.op(kind, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])

    def average(self) -> str:
        return self.op("GlobalAveragePool", shape=(*self.shape[:2], 1, 1))

    def activate(self, act: str) -> str:
        """By an operator of ONNX's, or "Swish", which it has none for; a Clip ends at 6."""
        if act == "Clip":
            return self.op(act, self.number(0.0), self.number(6.0))
        if act != "Swish":
            return self.op(act)
        kept = self.at
        self.op("Sigmoid")
        return self.op("Mul", kept)

    def gelu(self) -> str:
        kept = self.at
        self.op("Div", self.number(1.4142135))
        self.op("Erf")
        self.op("Add", self.number(1.0))
        self.op("Mul", kept)
        return self.op("Mul", self.number(0.5))

    def split(self, *sizes: int) -> List[str]:
        """Along the channels; the row goes on from the last part."""
        name = f"n{len(self._nodes)}"
        parts = [f"{name}_{number}" for number in range(len(sizes))]
        self._nodes.append(helper.make_node("Split", [self.at, self.numbers(*sizes)], parts, name=name, axis=1))
        self.at, self.shape = parts[-1], (self.shape[0], sizes[-1], *self.shape[2:])
        return parts

    def weight(self, *shape: int, spread: float = 1.0) -> str:
        return self._store(self.random.standard_normal(shape, dtype=np.float32) * np.float32(spread))

    def positive(self, *shape: int) -> str:
        return self._store(self.random.uniform(0.5, 2.0, shape).astype(np.float32))

    def number(self, value: float) -> str:
        return self._store(np.array(value, np.float32))

    def numbers(self, *values: int) -> str:
        """Sizes and axes."""
        return self._store(np.array(values, np.int64))

    def _store(self, value: np.ndarray) -> str:
        name = f"w{len(self._stored)}"
        self._stored.append(numpy_helper.from_array(value, name))
        return name

    def conv(self, outputs: int, side: Any = 3, stride: int = 1, groups: int = 1, act: str = "Relu") -> str:
        inputs, sides = self.shape[1], self.shape[2:]
        kernel = (side, side) if isinstance(side, int) else tuple(side)
        fan = inputs // groups * kernel[0] * kernel[1]
        weight = self.weight(outputs, inputs // groups, *kernel, spread=(2.0 / fan) ** 0.5)
        pads = [kernel[0] // 2, kernel[1] // 2] * 2
        after = tuple((n + 2 * (k // 2) - k) // stride + 1 for n, k in zip(sides, kernel))
        made = self.op("Conv", weight, self.weight(outputs, spread=0.1), shape=(1, outputs, *after), group=groups,
                       kernel_shape=kernel, strides=[stride, stride], pads=pads)
        return self.activate(act) if act else made

    def dense(self, outputs: int) -> str:
        inputs = self.shape[-1]
        return self.op("Gemm", self.weight(outputs, inputs, spread=inputs ** -0.5), self.weight(outputs, spread=0.1),
                       shape=(self.shape[0], outputs), transB=1)

    def model(self) -> bytes:
        ends = [helper.make_tensor_value_info(self.at, TensorProto.FLOAT, self.shape)]
        starts = [helper.make_tensor_value_info("x", self._kind, self._given)]
        graph = helper.make_graph(self._nodes, self.name, starts, ends, self._stored)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        made.ir_version = 8
        onnx.checker.check_model(made)
        return made.SerializeToString()
