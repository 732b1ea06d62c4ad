"""`FILE.pth` of NVIDIA's notebooks -> `FILE_trt.pth` for a notebook that loads a TRTModule, made on the Jetson itself.

What drives here is built from ONNX (`jetracer build`); this is for the notebooks that are there. torch2trt 0.3 to 0.5
is not ours and no package of pip's: it comes with a Jetson's image or from source, and no TensorRT after 10 has what it
needs. Its INT8 repeats the calibration with every build, for `torch2trt()` never hands on a cache: here it does.
"""
from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Sequence

import numpy as np
import torch
from torch import nn

from jetracer.core.config import write_bytes
from jetracer.core.errors import ConfigError, ModelError
from jetracer.engine.card import ModelCard, ModelInput
from jetracer.engine.devices import DeviceKind, parse_version
from jetracer.engine.parity import SIZE_PX, limits_for
from jetracer.engine.torch2trt_module import LAST_TENSORRT
from jetracer.export.nvidia import notebook_net
from jetracer.models.backbones import IMAGENET_MEAN, IMAGENET_STD
from jetracer.models.road_net import PICTURE_PX
from jetracer.perception.preprocess import Preprocess

PRECISIONS = ("fp16", "int8")
Convert = Callable[..., nn.Module]  # torch2trt.torch2trt


@dataclass(frozen=True)
class Torch2TrtConfig:
    precision: str = "fp16"
    color: str = "bgr"  # what the net was trained on: JetRacer's notebook took BGR for RGB
    size_px: int = PICTURE_PX
    device: str = "cuda"


class Pictures:
    """What torch2trt calibrates with: pictures as the notebook sees them, one by one in the same memory, [(3,S,S)].

    Of 0.5 TensorRT gets nothing but a tensor's address, so that memory must stay; 0.3 and 0.4 copy it.
    """

    def __init__(self, pictures: Sequence[np.ndarray], prepare: Preprocess, example: torch.Tensor) -> None:
        self._pictures, self._prepare, self._memory = pictures, prepare, torch.empty_like(example[0])

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, at: int) -> List[torch.Tensor]:
        self._memory.copy_(torch.from_numpy(self._prepare(self._pictures[at])[0]))
        return [self._memory]


def installed() -> Convert:
    """torch2trt's function. Raises ModelError with the next step."""
    instead = "build what drives here: jetracer export onnx FILE.pth, then jetracer build FILE.onnx"
    try:
        version = import_module("tensorrt").__version__
        if parse_version(version)[0] > LAST_TENSORRT:
            raise ModelError(f"torch2trt ended with TensorRT {LAST_TENSORRT}, here is {version}: {instead}.")
        return import_module("torch2trt").torch2trt
    except ImportError as error:
        raise ModelError(f"torch2trt cannot be imported ({error}); it comes with a Jetson's image or from its source, "
                         f"for TensorRT 7 to {LAST_TENSORRT}. Or {instead}.") from error


def export_torch2trt(source: Path, target: Path, kind: DeviceKind, convert: Convert, calibrate: Sequence[np.ndarray],
                     compare: Sequence[np.ndarray], config: Torch2TrtConfig = Torch2TrtConfig(), cache: str = ""
                     ) -> Dict[str, Any]:
    """Write `source` as `target`, once it agrees with it on `compare`; a JSON-ready account.

    Pictures are (H,W,3) uint8 BGR; `calibrate` is for INT8 only, whose ranges stay in the file `cache`. In FP16 it
    takes halves, as the notebook gives, in INT8 floats. Raises ConfigError, ModelError, ModelNotFound.
    """
    if config.precision == "int8" and not kind.int8:
        raise ConfigError(f"This {kind.title} has no INT8; convert with --precision fp16.")
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ModelError("torch2trt converts on an NVIDIA GPU, and PyTorch sees none here; do this on the Jetson.")
    name, net = notebook_net(source)
    net = net.to(config.device)
    half = config.precision == "fp16"
    asked = deepcopy(net).half() if half else net
    example = torch.zeros(1, 3, config.size_px, config.size_px, device=config.device,
                          dtype=torch.float16 if half else torch.float32)
    prepare = as_notebook(config)
    int8 = {} if half else {"int8_mode": True, "int8_calib_dataset": Pictures(calibrate, prepare, example)}
    with torch.no_grad(), _cached(convert, Path(cache) if cache else None):
        made = convert(asked, [example], fp16_mode=True, **int8)  # FP16 for what has no INT8
    apart_px = _apart_px(net, made, map(prepare, compare), example)
    _check(apart_px, config.precision, source)
    content = io.BytesIO()
    torch.save(made.state_dict(), content)
    write_bytes(target, content.getvalue())
    return {"module": str(target), "net": name, "precision": config.precision, "compared": len(compare),
            "calibrated": 0 if half else len(calibrate), "cache": "" if half else cache,
            "aim_px": {"mean": round(float(apart_px.mean()), 4), "max": round(float(apart_px.max()), 4)}}


def as_notebook(config: Torch2TrtConfig) -> Preprocess:
    """(H,W,3) uint8 BGR -> (1,3,S,S) float32, as `preprocess` of the notebook that the net was trained in."""
    seen = ModelInput(width=config.size_px, height=config.size_px, color=config.color, dtype="float32", layout="NCHW")
    return Preprocess(ModelCard("road", "notebook", "fp32", input=seen,
                                normalisation={"mean": IMAGENET_MEAN, "std": IMAGENET_STD}))


@contextmanager
def _cached(convert: Convert, cache: Any) -> Iterator[None]:
    """Within, torch2trt's calibrator reads its ranges from this file where it is there, else it writes them."""
    module = sys.modules[convert.__module__]
    plain = getattr(module, "DatasetCalibrator", None)
    if cache is None or plain is None:
        yield
        return

    class Cached(plain):  # type: ignore[misc, valid-type]
        def read_calibration_cache(self, *_: Any) -> Any:
            return cache.read_bytes() if cache.is_file() else None

        def write_calibration_cache(self, content: Any, *_: Any) -> None:
            write_bytes(cache, bytes(content))

    module.DatasetCalibrator = Cached
    try:
        yield
    finally:
        module.DatasetCalibrator = plain


@torch.no_grad()
def _apart_px(net: nn.Module, made: nn.Module, inputs: Iterable[np.ndarray], example: torch.Tensor) -> np.ndarray:
    """How far all aims lie apart for each input (1,3,S,S), in px of 224."""
    rows = []
    for given in inputs:
        pixels = torch.from_numpy(given).to(example.device)
        gap = made(pixels.to(example.dtype)).float() - net(pixels)
        rows.append(torch.linalg.vector_norm(gap.reshape(-1, 2), dim=1).cpu().numpy())
    return np.concatenate(rows) * SIZE_PX / 2.0


def _check(apart_px: np.ndarray, precision: str, source: Path) -> None:
    """The limits of the parity gate. Raises ModelError; what is no number fails too."""
    limits = limits_for(precision)
    mean, most = float(apart_px.mean()), float(apart_px.max())
    if not (mean <= limits.aim_px and most <= limits.aim_max_px):
        raise ModelError(
            f"{source} in {precision.upper()} by torch2trt aims elsewhere: {mean:.2g} px of {SIZE_PX} in the mean "
            f"(allowed {limits.aim_px:g}), at most {most:.2g} (allowed {limits.aim_max_px:g}). Nothing was written; "
            "calibrate with more pictures, or convert with --precision fp16.")
