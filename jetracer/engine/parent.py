"""Which model in FP32 an engine or a model is compared with: itself, or the parent that its card names by hash."""
from __future__ import annotations

from pathlib import Path

from jetracer.core.errors import EngineRefused
from jetracer.engine.card import ModelCard
from jetracer.engine.load import SHIPPED, sha256_of
from jetracer.engine.onnx_runtime import OnnxEngine


def find_parent(model: Path, card: ModelCard) -> Path:
    """The model's FP32 parent, beside it or among the shipped ones; a model in FP32 is its own.

    Its card's `parents` begins with the SHA-256 of the file that it was made from. Raises EngineRefused with the next
    step.
    """
    if card.precision == "fp32":
        return model
    if not card.parents:
        raise EngineRefused(f"{model} is in {card.precision.upper()} and its card names no parent in FP32 to compare "
                            "it with; make it again with jetracer optimize, or drive the model that it was made from.")
    wanted = card.parents[0]
    for path in (*sorted(model.parent.glob("*.onnx")), *sorted(SHIPPED.glob("*.onnx"))):
        if path != model and sha256_of(path) == wanted:
            return _in_fp32(path, model)
    raise EngineRefused(f"{model} must be compared with the model in FP32 that it was made from (SHA-256 "
                        f"{wanted[:12]}), which is not in {model.parent}; copy it there and run again: "
                        f"jetracer build {model}")


def _in_fp32(path: Path, child: Path) -> Path:
    with OnnxEngine(path) as engine:
        precision = engine.card.precision
    if precision != "fp32":
        raise EngineRefused(f"{child} was made from {path}, which is itself in {precision.upper()}; "
                            "make it again from the model in FP32.")
    return path
