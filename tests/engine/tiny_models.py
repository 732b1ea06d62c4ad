"""Small ONNX models whose answers can be worked out by hand."""
from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

from jetracer.engine.card import ModelCard, ModelInput, write_card

WIDTH, HEIGHT = 16, 8
CARD = ModelCard(
    task="road",
    name="tiny",
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
    inputs = [("image", TensorProto.UINT8, [batch, HEIGHT, WIDTH, 3])]
    outputs = [("aim", [batch, 2]), ("confidence", [batch, 1])]
    return _save(path, nodes, weights, inputs, outputs, card)


def nvidia_model(path: Path, card: Optional[ModelCard] = None) -> Path:
    """float32 NCHW -> output_0 (means of the first two channels), with the names torch2trt gives."""
    nodes = [
        helper.make_node("ReduceMean", ["input_0"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "w", "b"], ["output_0"]),
    ]
    weights = {"w": np.eye(3, 2), "b": np.zeros(2)}
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


CARD_AIM_ONLY = ModelCard(task="road", name="changing", input=CARD.input, outputs={"aim": "places"})


def _save(path, nodes, weights, inputs, outputs, card) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*entry) for entry in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    save_model(model, str(path))
    if card is not None:
        write_card(path, card)
    return path
