"""From a CameraConfig to a camera that the drive loop can read."""
from __future__ import annotations

from dataclasses import replace
from typing import Optional

from jetracer.camera.base import CAMERAS, Camera, CameraConfig
from jetracer.core.clock import Clock, MonotonicClock
from jetracer.core.errors import ConfigError

# live sensors: read by a thread of their own, so that a slow reader always finds the newest picture
_LIVE = ("csi", "jetcam", "jetson_utils", "sim", "usb")


def make_camera(config: CameraConfig, clock: Optional[Clock] = None) -> Camera:
    """The camera that `config` names, not yet open; live ones come wrapped in Background.

    Raises UnknownName or ConfigError.
    """
    from jetracer.camera.background import Background

    config = resolve(config)
    clock = clock or MonotonicClock()
    camera = CAMERAS.create(config.name, config, clock)
    return Background(camera) if config.name in _LIVE else camera


def resolve(config: CameraConfig) -> CameraConfig:
    """Split a name such as "replay:laps/monday" or "usb:1" into name and path or device."""
    name, colon, rest = config.name.partition(":")
    if not colon:
        return config
    if name not in ("csi", "usb"):
        return replace(config, name=name, path=rest)
    if not rest.isdigit():
        raise ConfigError(f"{config.name!r} names no {name} camera; give its number, such as {name}:0.")
    return replace(config, name=name, device=int(rest))
