"""The road model, and files made for one device only."""
from __future__ import annotations

import base64
import hashlib
from importlib.metadata import distributions
from pathlib import Path
from typing import Iterator, Tuple

from jetracer.core.errors import EngineRefused, JetRacerError, ModelNotFound
from jetracer.doctor.base import Check, Host, fail, ok, skip, warn
from jetracer.doctor.system import tensorrt
from jetracer.engine.engine_file import PLAN_HEAD, may_drive, plan_version, read_engine
from jetracer.engine.load import load_engine

# Files that only the device and the TensorRT they were built with can run. More kinds go here.
ENGINES = ("*.engine", "*.plan", "*.trt")
ASPECT_WITHIN = 0.05  # of the camera's pictures and the model's input


def road_model(host: Host) -> Check:
    name = host.config.road
    if name in ("none", "null"):
        return skip("road model", "none is chosen")
    shipped = host.models / f"{name}.onnx"
    try:
        with load_engine(shipped if shipped.exists() else name) as engine:
            card = engine.card
    except ModelNotFound as error:
        return fail("road model", str(error), "jetracer drive --road road")
    except JetRacerError as error:
        return fail("road model", str(error), "pip install --force-reinstall jetracer" if shipped.exists()
                    else "jetracer drive --road road")
    size = f"{card.input.width}x{card.input.height}"
    camera = host.config.camera
    if abs(camera.width * card.input.height / (camera.height * card.input.width) - 1) > ASPECT_WITHIN:
        return warn("road model", f"{card.name} takes {size}; pictures of {camera.width}x{camera.height} are squeezed",
                    f"jetracer drive --camera.width {card.input.width} --camera.height {card.input.height}")
    return ok("road model", f"{card.name}, pictures of {size}, {card.precision}")


def model_files(host: Host) -> Check:
    """The shipped models against the sums that pip noted when it installed them."""
    noted = dict(_noted(host))
    if not noted:
        return skip("model files", "run from its sources: no sums to compare with")
    for path, wanted in noted.items():
        try:
            digest = hashlib.sha256(path.read_bytes()).digest()
        except OSError:
            return fail("model files", f"{path} is missing", "pip install --force-reinstall jetracer")
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != wanted:
            return fail("model files", f"{path.name} is not as it was installed",
                        "pip install --force-reinstall jetracer")
    return ok("model files", f"{len(noted)} as installed")


def _noted(host: Host) -> Iterator[Tuple[Path, str]]:
    for entry in distributions(name="jetracer", path=list(host.packages)):
        for file in entry.files or ():
            if file.suffix == ".onnx" and file.hash:
                yield Path(str(file.locate())), file.hash.value


def engines(host: Host) -> Check:
    places = (host.models, host.folder / "models")
    found = [path for place in places for pattern in ENGINES for path in sorted(place.glob(pattern))]
    if not found:
        return skip("engines", "none were built")
    here = tensorrt(host)
    for path in found:
        rebuild = f"jetracer build {path.with_suffix('.onnx')} --force"
        made_by, why_not = _made_by(path)
        if not made_by:
            return warn("engines", f"{path.name} is no TensorRT engine, or damaged", rebuild)
        if not here:
            return warn("engines", f"{path.name} needs TensorRT {made_by}, which is not installed",
                        "sudo apt install tensorrt")
        if made_by != ".".join(here.split(".")[:3]):
            return warn("engines", f"{path.name} was built with TensorRT {made_by}, here is {here}", rebuild)
        if why_not:
            return warn("engines", f"{path.name} must not drive: {why_not}",
                        f"jetracer drive --road {path.with_suffix('.onnx')}")
    return ok("engines", ", ".join(path.name for path in found))


def _made_by(path: Path) -> Tuple[str, str]:
    """(TensorRT that built it, such as 8.2.1, empty for what is no engine; why it must not drive, empty if it may)."""
    try:
        header, _plan = read_engine(path)
    except EngineRefused:  # a bare plan, or of another version of ours
        with open(path, "rb") as file:
            return plan_version(file.read(PLAN_HEAD)), "it does not say what it is for"
    except JetRacerError:
        return "", ""
    return ".".join(header.tensorrt.split(".")[:3]), may_drive(header)


CHECKS = (road_model, model_files, engines)
