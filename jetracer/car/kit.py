"""Kits: what a car is built from, as a TOML file. The shipped ones lie in `car/kits`, your own anywhere.

    [kit]                      title, wiring; base: another kit, of which this one changes what it says
    bus = "1"                  } the same keys as in every configuration,
    [car]                      } so `jetracer drive --car.steering_gain -0.6` and `steering_gain = -0.6` mean
    [guard.limits]             } the same; a camera's file is found beside the kit
    [control], [camera]        }
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple, TypeVar

from jetracer.car.base import CarConfig
from jetracer.core.config import dump, merge, read
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown

T = TypeVar("T")
_SHIPPED = Path(__file__).parent / "kits"
_GROUPS = ("bus", "car", "guard", "control", "camera")
_ABOUT = ("title", "wiring", "base")
_DEEPEST = 8  # bases of bases; more is a circle


@dataclass(frozen=True)
class Kit:
    """`values` are nested as in the file; `path` says where it was read."""

    name: str
    title: str
    wiring: str
    path: Path
    values: Mapping[str, Any]
    base: str = ""

    @property
    def car(self) -> CarConfig:
        return merge(CarConfig(), self.values.get("car", {}), "car.")

    def apply(self, config: T) -> T:
        """`config` with the kit's values for those of the kit's groups that it has. Raises ConfigError."""
        return merge(config, {name: value for name, value in self.values.items() if hasattr(config, name)})


def kit_names() -> Tuple[str, ...]:
    """The shipped kits."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def load_kit(name: str) -> Kit:
    """A shipped kit by name, or a file of your own (a path with a slash or ending in .toml).

    Raises UnknownName or ConfigError.
    """
    path = _place(name)
    about, values = _read(path, 0)
    return Kit(path.stem, about.get("title", path.stem), about.get("wiring", ""), path, values, about.get("base", ""))


def is_shipped(kit: Kit) -> bool:
    return kit.path.parent == _SHIPPED


def base_of(kit: Kit) -> Kit:
    """The kit that it changes; itself where it has none. Raises UnknownName or ConfigError."""
    return load_kit(str(_place(kit.base, kit.path.parent))) if kit.base else kit


def kit_text(path: Path, base: str, values: Mapping[str, Any]) -> str:
    """What the kit's file at `path` shall say: `values` over what it says now, or over nothing but its `base`.

    Raises ConfigError for a file that is no TOML.
    """
    before = read(path) if path.exists() else {"kit": {"base": base}}
    return f"# Made by: jetracer calibrate. docs/kits.md explains it.\n{dump(_laid_over(before, values))}"


def _place(name: str, beside: Path = Path()) -> Path:
    if name.endswith(".toml") or "/" in name:
        return beside / Path(name).expanduser()
    if name not in kit_names():
        raise unknown("kit", name, kit_names())
    return _SHIPPED / f"{name}.toml"


def _read(path: Path, depth: int) -> Tuple[Dict[str, str], Dict[str, Any]]:
    """What the file says of the kit and of the configuration, its bases included."""
    if depth > _DEEPEST:
        raise ConfigError(f"The kit {path} is its own base; take `base` out of one of the files.")
    values = read(path)
    about = values.pop("kit", {})
    if not isinstance(about, dict):
        raise ConfigError(f"In {path}, kit is a group: write [kit], and below it title = \"...\".")
    _known(about, _ABOUT, path)
    _known(values, _GROUPS, path)
    _find_camera(values.get("camera"), path)
    if "base" in about:
        base_about, base_values = _read(_place(str(about["base"]), path.parent), depth + 1)
        about, values = {**base_about, **about}, _laid_over(base_values, values)
    return about, values


def _find_camera(camera: Any, path: Path) -> None:
    """A camera's file named by a kit lies beside that kit, not where the drive happens to be started."""
    if isinstance(camera, dict) and camera.get("calibration"):
        camera["calibration"] = str(path.parent / Path(str(camera["calibration"])).expanduser())


def _known(values: Mapping[str, Any], names: Tuple[str, ...], path: Path) -> None:
    for key in values:
        if key not in names:
            raise unknown(f"entry in the kit {path}, called", key, names)


def _laid_over(base: Mapping[str, Any], values: Mapping[str, Any]) -> Dict[str, Any]:
    """`values` over `base`, group by group."""
    result = dict(base)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _laid_over(result[key], value) if both else value
    return result
