"""A camera's file: its lens, and its place on the car once that was measured. `calibration/camera/NAME.toml`.

    name, date, rms_px, views                       what was measured, when, and how well it fits
    [capture] width, height, flip                   what the sensor was told; another choice sees another part
    [lens]    model, width, height, fx, ... k       see `Lens`
    [mount]   height_m, forward_m, pitch_rad, ...   see `Mount`; may be missing
"""
from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Type, TypeVar, Union

from jetracer.camera.base import CameraConfig
from jetracer.camera.geometry import CameraModel, Lens, Mount
from jetracer.core.config import convert, dump, read, write_text
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown

T = TypeVar("T")


@dataclass(frozen=True)
class Capture:
    """What the sensor was told; zeros where nobody knows, as for a folder of pictures."""

    width: int = 0
    height: int = 0
    flip: int = 0


@dataclass(frozen=True)
class CameraFile:
    name: str
    date: str
    rms_px: float
    views: int
    lens: Lens
    capture: Capture = field(default_factory=Capture)
    mount: Optional[Mount] = None

    def save(self, path: Union[str, Path]) -> None:
        """Write it, whole or not at all. Raises ConfigError."""
        write_text(path, f"# Made by: jetracer calibrate camera. docs/calibrate.md explains it.\n{dump(self)}")

    def model(self, config: CameraConfig) -> CameraModel:
        """The camera as `config` delivers its pictures. Raises ConfigError where it cannot be the same view."""
        if self.mount is None:
            raise ConfigError(
                f"The camera file of {self.name} does not say where the camera sits; measure it with: "
                "jetracer calibrate camera --floor METRES"
            )
        wanted = Capture(config.capture_width, config.capture_height, config.flip)
        if self.capture != Capture() and self.capture != wanted:
            raise ConfigError(
                f"{self.name} was calibrated with capture_width, capture_height and flip = {_told(self.capture)}, "
                f"the camera is set to {_told(wanted)}, which may see another part; use the same, or calibrate anew."
            )
        return CameraModel(self.lens.resized(config.width, config.height), self.mount)


def load_camera(path: Union[str, Path]) -> CameraFile:
    """Read a camera's file. Raises ConfigError or UnknownName, naming the entry."""
    return _build(CameraFile, read(path), str(path), "")


_GROUPS: Dict[str, type] = {"lens": Lens, "capture": Capture, "mount": Mount}


def _build(kind: Type[T], values: Mapping[str, Any], path: str, prefix: str) -> T:
    names = {item.name: item for item in fields(kind)}
    for name in values:
        if name not in names:
            raise unknown(f"entry in {path}, called", prefix + name, [prefix + other for other in names])
    missing = [name for name, item in names.items()
               if name not in values and item.default is MISSING and item.default_factory is MISSING]
    if missing:
        raise ConfigError(f"{path}: {prefix}{missing[0]} is missing; measure anew: jetracer calibrate camera")
    return kind(**{name: _value(kind, name, value, path, prefix) for name, value in values.items()})


def _value(kind: type, name: str, value: Any, path: str, prefix: str) -> Any:
    group = _GROUPS.get(name)
    if group is None:
        return convert(kind, name, value, f"{path}: {prefix}")
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: {name} is a group; write [{name}].")
    return _build(group, value, path, f"{prefix}{name}.")


def _told(capture: Capture) -> str:
    return f"{capture.width}, {capture.height}, {capture.flip}"
