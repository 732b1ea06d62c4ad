"""From what a person types to a loaded network."""
from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Union

from jetracer.core.errors import EngineRefused, ModelError, ModelNotFound
from jetracer.engine.base import ENGINES, Engine, sha256_of
from jetracer.engine.cpu_choice import open_chosen
from jetracer.engine.proof import why_not
from jetracer.engine.torch2trt_module import read_torch2trt

SHIPPED = Path(__file__).resolve().parent.parent / "models"  # the models that come with JetRacer

_ENGINE_OF = {".onnx": "onnx", ".engine": "tensorrt", ".hybrid": "hybrid"}
_NO_ENGINE = {
    ".pth": "it holds PyTorch weights only; run: jetracer export onnx FILE",
    ".pt": "it holds PyTorch weights only; run: jetracer export onnx FILE",
    ".plan": "a bare TensorRT plan does not say what it is for; run: jetracer build MODEL.onnx",
    ".trt": "a bare TensorRT plan does not say what it is for; run: jetracer build MODEL.onnx",
    ".tflite": "TensorFlow Lite models are not supported; convert it to ONNX",
    ".h5": "Keras models are not supported; convert it to ONNX",
}


def load_engine(path_or_name: Union[str, Path], threads: int = 1) -> Engine:
    """Load a model (`laps/road.onnx`), an engine (`laps/road.engine`), a shipped model (`road`) or `null`.

    Returned open and warmed up. A model runs as `jetracer build` found best on this CPU, else on ONNX Runtime; one in
    FP16 or INT8 must have been compared with its parent. Raises ModelNotFound, ModelCorrupt, CardError, EngineRefused
    or ModelError, each with the next step.
    """
    if str(path_or_name) == "null":
        return ENGINES.create("null")
    path = find_model(path_or_name)
    if path.suffix == ".pth" and path.is_file():
        _refuse_torch2trt(path)
    if path.suffix in _NO_ENGINE:
        raise ModelError(f"{path} cannot be run: {_NO_ENGINE[path.suffix]}.")
    if path.suffix not in _ENGINE_OF:
        raise ModelError(f"No engine runs {path.name!r}; known file types: {', '.join(sorted(_ENGINE_OF))}.")
    chosen = open_chosen(path, home(path), threads) if path.suffix == ".onnx" else None
    if chosen is not None:
        return chosen
    engine = ENGINES.create(_ENGINE_OF[path.suffix], path, threads)
    engine.open()
    if path.suffix == ".onnx":
        _refuse_unproven(engine, path)
    return engine


def home(model: Path) -> Path:
    """Where what is built of a model goes: beside it, but for the shipped ones into ./models."""
    return Path("models") if model.parent == SHIPPED else model.parent


def _refuse_unproven(engine: Engine, path: Path) -> None:
    reason = why_not(path, engine.card)
    if reason:
        engine.close()
        raise EngineRefused(f"{path} must not drive: {reason}; drive the model it was made from, or compare the two: "
                            f"jetracer build {path}")


def model_hash(path_or_name: Union[str, Path]) -> str:
    """SHA-256 of the model's file, in hexadecimal; empty for `null` and `none`. Raises ModelNotFound."""
    if str(path_or_name) in ("null", "none"):
        return ""
    return sha256_of(find_model(path_or_name))


def _refuse_torch2trt(path: Path) -> None:
    module = read_torch2trt(path)
    if module is not None:
        raise EngineRefused(
            f"{path} is {module}. So nothing can prove that it is right, and it must not drive: "
            "export the network's weights (jetracer export onnx FILE) and build that.")


def find_model(path_or_name: Union[str, Path]) -> Path:
    """The file of a shipped model's name; a path as it is. Raises ModelNotFound."""
    path = Path(path_or_name).expanduser()
    if path.suffix or path.exists() or len(path.parts) != 1:
        return path
    shipped = {p.stem: p for p in SHIPPED.glob("*.onnx")}
    if path.name in shipped:
        return shipped[path.name]
    names = sorted([*shipped, "null"])
    near = get_close_matches(path.name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise ModelNotFound(
        f"There is no model {str(path_or_name)!r}{hint} Shipped: {', '.join(names)}; or give a file."
    )
