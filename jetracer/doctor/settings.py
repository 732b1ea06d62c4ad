"""Configuration and calibration files, and the folder for runs."""
from __future__ import annotations

from pathlib import Path
from typing import List

from jetracer.camera.calibration import load_camera
from jetracer.car.base import CarConfig
from jetracer.car.kit import kit_names, load_kit
from jetracer.core.errors import ConfigError
from jetracer.doctor.base import Check, Host, fail, ok, skip, warn
from jetracer.doctor.system import existing
from jetracer.drive.config import DriveConfig


def configuration(host: Host) -> Check:
    """What was given to this command as to `jetracer drive`."""
    if host.mistake:
        return fail("configuration", host.mistake, "put it right in the file; docs/kits.md explains its groups")
    return ok("configuration", "valid")


def kits(host: Host) -> Check:
    """Your own kits, where `jetracer drive --kit` would find them."""
    paths = _own_kits(host)
    chosen = host.env.get("JETRACER_KIT", "")
    for name in [*paths, *([chosen] if chosen else [])]:
        try:
            load_kit(name).apply(DriveConfig())
        except ConfigError as error:
            cause = str(error).split(" Choose one of:")[0]
            return warn("kits", f"{Path(name).name}: {cause}", "put it right in the file, or see: jetracer kits --list")
    return ok("kits", f"{len(paths)} files of your own") if paths else skip("kits", "no files of your own")


def calibration(host: Host) -> Check:
    """Whether the car was calibrated, and whether a drive would use that."""
    if not host.board:
        return skip("calibration", "a PC")
    for path in _own_kits(host):
        try:
            calibrated = load_kit(path).apply(DriveConfig()).car
        except ConfigError:  # told by `kits`
            continue
        if calibrated == host.config.car:
            return ok("calibration", Path(path).name)
        if host.config.car in (CarConfig(), *(load_kit(name).car for name in kit_names())):
            return warn("calibration", f"{Path(path).name} is there, but not chosen", f"jetracer drive --kit {path}")
    return skip("calibration", "the kit's own numbers", "jetracer calibrate")


def camera_file(host: Host) -> Check:
    """What steering in metres needs of the camera."""
    path = host.config.camera.calibration
    if not path:
        return skip("camera file", "none: a car steers by the aim in the picture", "jetracer calibrate camera")
    try:
        load_camera(path).model(host.config.camera)
    except ConfigError as error:
        return fail("camera file", str(error), "jetracer calibrate camera")
    return ok("camera file", Path(path).name)


def _own_kits(host: Host) -> List[str]:
    """Those that `jetracer calibrate` or their owner wrote; the example is for copying."""
    paths = sorted((host.folder / "calibration" / "car").glob("*.toml"))
    return [str(path) for path in paths if path.name != "example.toml"]


def runs(host: Host) -> Check:
    place = existing(host.runs())
    if not place.is_dir():
        return fail("runs", f"{place} is a file, no folder", "jetracer drive --runs FOLDER")
    if not host.may_use(place):
        return fail("runs", f"{place} is not writable", f"sudo chown -R {host.user} {place}")
    return ok("runs", str(host.runs()))


CHECKS = (configuration, kits, calibration, camera_file, runs)
