"""Configuration files, and the folder for runs."""
from __future__ import annotations

from pathlib import Path

from jetracer.car.kit import load_kit
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
    paths = [str(path) for path in sorted((host.folder / "calibration" / "car").glob("*.toml"))]
    chosen = host.env.get("JETRACER_KIT", "")
    for name in [*paths, *([chosen] if chosen else [])]:
        try:
            load_kit(name).apply(DriveConfig())
        except ConfigError as error:
            cause = str(error).split(" Choose one of:")[0]
            return warn("kits", f"{Path(name).name}: {cause}", "put it right in the file, or see: jetracer kits --list")
    return ok("kits", f"{len(paths)} files of your own") if paths else skip("kits", "no files of your own")


def runs(host: Host) -> Check:
    place = existing(host.runs())
    if not place.is_dir():
        return fail("runs", f"{place} is a file, no folder", "jetracer drive --runs FOLDER")
    if not host.may_use(place):
        return fail("runs", f"{place} is not writable", f"sudo chown -R {host.user} {place}")
    return ok("runs", str(host.runs()))


CHECKS = (configuration, kits, runs)
