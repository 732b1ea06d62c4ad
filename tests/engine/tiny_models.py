"""Small ONNX models whose answers can be worked out by hand."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

from jetracer.engine.card import CARD_KEY, ModelCard, ModelInput

WIDTH, HEIGHT = 16, 8
CARD = ModelCard(
    task="road",
    name="tiny",
    precision="fp32",
    input=ModelInput(width=WIDTH, height=HEIGHT),
    outputs={"aim": "aim point", "confidence": "how sure"},
    normalisation={"mean": 128, "scale": 64, "folded": True},
    delay_s=0.1,
)


def road_model(path: Path, card: Optional[ModelCard] = CARD, bad: float = 0.0, batch=1) -> Path:
    """uint8 NHWC -> aim (mean blue, mean green) / 255 + `bad`, confidence (mean red) / 255."""
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Gemm", ["mean", "aim_w", "aim_b"], ["aim"]),
        helper.make_node("Gemm", ["mean", "sure_w", "sure_b"], ["confidence"]),
    ]
    weights = {
        "aim_w": np.eye(3, 2) / 255, "aim_b": np.full(2, bad),
        "sure_w": np.eye(3)[:, 2:] / 255, "sure_b": np.zeros(1),
    }
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    inputs = [("image", TensorProto.UINT8, [batch, HEIGHT, WIDTH, 3])]
    outputs = [("aim", [batch, 2]), ("confidence", [batch, 1])]
    return _save(path, nodes, weights, inputs, outputs, card)


def nvidia_model(path: Path, card: Optional[ModelCard] = None) -> Path:
    """float32 NCHW -> output_0 (means of the first two channels), with the names torch2trt gives."""
    nodes = [
        helper.make_node("ReduceMean", ["input_0"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "w", "b"], ["output_0"]),
    ]
    weights = {"w": np.eye(3, 2, dtype=np.float32), "b": np.zeros(2, np.float32)}
    inputs = [("input_0", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])]
    return _save(path, nodes, weights, inputs, [("output_0", [1, 2])], card)


def changing_model(path: Path) -> Path:
    """An output whose length depends on the picture: the places of its non-zero bytes."""
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("NonZero", ["float"], ["places"]),
        helper.make_node("Cast", ["places"], ["aim"], to=TensorProto.FLOAT),
    ]
    inputs = [("image", TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])]
    return _save(path, nodes, {}, inputs, [("aim", [4, "count"])], CARD_AIM_ONLY)


CARD_AIM_ONLY = ModelCard(task="road", name="changing", precision="fp32", input=CARD.input, outputs={"aim": "places"})


def _save(path, nodes, weights, inputs, outputs, card) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*entry) for entry in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    if card is not None:  # as it is: some tests need one that says another precision than the graph's
        helper.set_model_props(model, {CARD_KEY: card.to_json()})
    save_model(model, str(path))
    return path


def int8_model(path: Path, seed: int = 0) -> Path:
    """INT8 for a CPU: explicit Q/DQ, u8 activations, s8 weights per channel.

    One 3x3 convolution to eight channels and their means; "aim" of the first two, "confidence" of the third.
    """
    random = np.random.default_rng(seed)
    weights = random.integers(-60, 61, (8, 3, 3, 3)).astype(np.int8)
    scales = random.uniform(1e-4, 3e-4, 8).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["bytes"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["bytes"], ["planes"], perm=[0, 3, 1, 2]),
        *_through_bytes("planes", "in"),
        helper.make_node("DequantizeLinear", ["w8", "w_scale", "w_zero"], ["w"], axis=0),
        helper.make_node("Conv", ["in", "w"], ["conv"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        *_through_bytes("relu", "out"),
        helper.make_node("ReduceMean", ["out"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Split", ["mean", "parts"], ["aim", "confidence", "rest"], axis=1),
    ]
    fixed = {"w8": weights, "w_scale": scales, "w_zero": np.zeros(8, np.int8), "parts": np.array([2, 1, 5]),
             **_steps("planes", 1.0, 0), **_steps("relu", INT8_STEP, 3)}
    inputs = [("image", TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])]
    outputs = [("aim", [1, 2]), ("confidence", [1, 1]), ("rest", [1, 5])]
    return _save(path, nodes, fixed, inputs, outputs, replace(CARD, precision="int8"))


INT8_STEP = 0.05  # of its activations


def _through_bytes(source: str, target: str) -> list:
    scale = [f"{source}_scale", f"{source}_zero"]
    return [helper.make_node("QuantizeLinear", [source, *scale], [f"{source}8"]),
            helper.make_node("DequantizeLinear", [f"{source}8", *scale], [target])]


def _steps(source: str, step: float, zero: int) -> dict:
    return {f"{source}_scale": np.array(step, np.float32), f"{source}_zero": np.array(zero, np.uint8)}
