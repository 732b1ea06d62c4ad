"""Small graphs in ONNX's own text, with random weights, that take pictures."""
from __future__ import annotations

from pathlib import Path
from typing import Dict

import numpy as np
import onnx
from onnx import numpy_helper

from jetracer.engine.card import ModelCard, ModelInput, write_card

SIZE = 16
CARD = ModelCard(task="road", name="small", precision="fp32", input=ModelInput(width=SIZE, height=SIZE),
                 outputs={"aim": "aim"})
HEAD = f'<ir_version: 7, opset_import: ["" : 13]> small (uint8[1,{SIZE},{SIZE},3] image) => (float[1,2] aim) {{'
BYTES = "float = Cast <to = 1> (image)  nchw = Transpose <perm = [0, 3, 1, 2]> (float)"


def graph(body: str, weights: Dict[str, np.ndarray]) -> onnx.ModelProto:
    """A model of the lines in `body`, which begin with `nchw`, float32 (1,3,S,S) 0 to 255, and end with `aim` (1,2)."""
    model = onnx.parser.parse_model(f"{HEAD}{BYTES}  {body}}}")
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items())
    for node in model.graph.node:
        node.name = node.output[0]
    onnx.checker.check_model(model, full_check=True)
    return model


def convolutions(seed: int = 0, width: int = 8) -> onnx.ModelProto:
    """Two convolutions and a fully connected layer; an aim within -1 and 1."""
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0.0, 1.0 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    body = """
        scaled = Mul (nchw, scale)
        one = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (scaled, w1, b1)  a1 = Relu (one)
        two = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (a1, w2, b2)  a2 = Relu (two)
        pooled = GlobalAveragePool (a2)  flat = Flatten (pooled)
        aim = Gemm <transB = 1> (flat, w3, b3)
    """
    return graph(body, {
        "scale": np.float32(1 / 128), "w1": weights(width, 3, 3, 3), "w2": weights(width, width, 3, 3),
        "w3": weights(2, width), "b1": 0.1 * weights(width), "b2": 0.1 * weights(width), "b3": 0.1 * weights(2)})


def pictures(count: int = 8, seed: int = 0) -> np.ndarray:
    """(N,S,S,3) uint8: static of different brightness."""
    random = np.random.default_rng(seed)
    bright = random.uniform(0.2, 1.0, (count, 1, 1, 3))
    return (bright * random.integers(0, 256, (count, SIZE, SIZE, 3))).astype(np.uint8)


def saved(model: onnx.ModelProto, path: Path, card: ModelCard = CARD) -> Path:
    onnx.save_model(model, str(path))
    write_card(path, card)
    return path
