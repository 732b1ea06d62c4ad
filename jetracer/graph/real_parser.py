"""What a real TensorRT parser says: that of TensorRT for RTX, which is a pip package and needs no GPU.

It has TensorRT 11's interface and takes a little less than TensorRT itself, so its word is added and decides nothing.
"""
from __future__ import annotations

from typing import Any, List, NamedTuple

from jetracer.engine.tensorrt_base import create, keeping


class Word(NamedTuple):
    """`refused`: what it said, one sentence for each node; empty where it takes the model."""

    parser: str  # TensorRT for RTX 1.7.1.116
    refused: List[str]


def ask(model: bytes) -> List[Word]:
    """One word, or none where the package is not installed."""
    try:
        import tensorrt_rtx as trt
    except ImportError:
        return []
    return [Word(f"TensorRT for RTX {trt.__version__}", _parse(trt, model))]


def build(model: bytes) -> List[Word]:
    """The same after a whole build, which takes seconds to minutes; no GPU is needed for it."""
    try:
        import tensorrt_rtx as trt
    except ImportError:
        return []
    return [Word(f"TensorRT for RTX {trt.__version__}", _parse(trt, model, whole=True))]


def _parse(trt: Any, model: bytes, whole: bool = False) -> List[str]:
    log: List[str] = []
    logger = keeping(trt, log)
    builder = create(trt.Builder, logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if parser.parse(model):
        if not whole or builder.build_serialized_network(network, builder.create_builder_config()) is not None:
            return []
        return log[-1:] or ["it built nothing and said nothing"]
    said = [_sentence(parser.get_error(index)) for index in range(parser.num_errors)]
    return said or log[-1:] or ["it refused the model and said nothing"]


def _sentence(error: Any) -> str:
    place = f"{error.node_name()} ({error.node_operator()}): " if error.node_operator() else ""
    return place + " ".join(error.desc().split())[:300]
