"""What runs, or should not: the guard, other programs on the motors' bus, the web port, services of other software."""
from __future__ import annotations

import os
import pwd
import re
from dataclasses import replace
from pathlib import Path
from typing import List

from jetracer.car.kit import load_kit
from jetracer.core.config import load
from jetracer.core.errors import ConfigError, GuardError, GuardLost
from jetracer.core.processes import Program, holders, programs
from jetracer.doctor.base import Check, Host, fail, ok, skip, warn
from jetracer.doctor.processes import foreign, listener
from jetracer.drive.config import DriveConfig
from jetracer.safety.claim import claimed
from jetracer.safety.client import GuardClient
from jetracer.safety.launch import Launch, differences

WEB_PORT = 8887
CAR, DRIVE = "/etc/jetracer/car.toml", "/etc/jetracer/drive.toml"  # what the units read
# services of JetBot, JetCard and Waveshare that write to the same display
OTHERS = ("jetbot_stats", "jetcard_display", "picard_display")


def guard(host: Host) -> Check:
    path = _socket(host)
    running = [one for one in programs(host.root) if "jetracer.safety" in one.command]
    if not os.path.lexists(path):
        theirs = [one for one in running if one.uid != host.uid]
        if theirs:
            return warn("guard", f"one of the user {_owner(theirs[0].uid)} owns a car: {theirs[0]}",
                        f"sudo kill {theirs[0].pid}")
        return skip("guard", "none runs", "jetracer drive starts one")
    try:
        with GuardClient(path) as client:
            status = client.status()
        launch = claimed(path)
    except GuardError as error:
        return _no_answer(path, error, running)
    other = differences(_asked(host), launch)
    if other:
        return warn("guard", f"it was started with {', '.join(other)}", "jetracer stop --shutdown")
    held = f", held by {', '.join(status.latched)}" if status.latched else ""
    return ok("guard", f"{'armed' if status.armed else 'in neutral'}, {launch.car.name} on bus {launch.bus}{held}")


def joined(host: Host) -> Host:
    """With what the guard that runs was started with: a drive that asks for nothing else joins it."""
    try:
        with GuardClient(_socket(host)) as client:
            client.status()
        launch = claimed(_socket(host))
    except GuardError:
        return host
    if differences(_asked(host), launch):
        return host
    return replace(host, config=replace(host.config, bus=launch.bus, car=launch.car, guard=launch.guard))


def _asked(host: Host) -> Launch:
    return Launch(host.config.bus, host.config.car, host.config.guard)


def _socket(host: Host) -> Path:
    return Path(host.config.guard.socket or host.runtime / "guard.sock")


def _no_answer(path: Path, error: GuardError, running: List[Program]) -> Check:
    cause = error.__cause__
    its = [one for one in running if str(path) in one.command]
    end = f"kill {its[0].pid}" if its else f"rm {path}"
    if isinstance(cause, PermissionError):
        return warn("guard", f"it belongs to the user {_owner(path.stat().st_uid)}",
                    f"sudo jetracer stop --shutdown --socket {path}")
    if isinstance(cause, ConnectionRefusedError):
        return warn("guard", "its socket is left from one that was killed", f"rm {path}")
    if isinstance(error, GuardLost):
        return fail("guard", "it does not answer", end)
    if cause is None:  # it answered, but not in our words
        return fail("guard", "it is of another version of JetRacer", end)
    return warn("guard", str(error), end)


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def services(host: Host) -> Check:
    """What `jetracer service install` wrote, as far as files and processes tell."""
    unit = host.text("/etc/systemd/system/jetracer-guard.service")
    if not unit:
        return skip("services", "not installed: nothing starts with the computer", "sudo jetracer service install")
    python = re.search(r"^ExecStart=(\S+)", unit, re.M)
    if python is None or not host.there(python.group(1)):
        return fail("services", "the units start a Python that is not there any more", "sudo jetracer service install")
    for path in (CAR, DRIVE):
        try:
            _read(path, str(host.path(path)))
        except ConfigError as error:
            return fail("services", str(error), f"put {path} right, then: sudo systemctl restart jetracer-guard")
    if not host.glob("/etc/systemd/system/*.wants/jetracer-guard.service"):
        return warn("services", "installed, but not started with the computer",
                    "sudo systemctl enable jetracer-guard jetracer")
    if not any("jetracer.safety" in one.command and CAR in one.command for one in programs(host.root)):
        return warn("services", "jetracer-guard does not run", "jetracer service status, which says why")
    return ok("services", "installed, and the guard runs")


def _read(name: str, path: str) -> DriveConfig:
    return load_kit(path).apply(DriveConfig()) if name == CAR else load(DriveConfig(), path)


def other_drivers(host: Host) -> Check:
    """Two programs that write the same PCA9685 steer against each other, and the guard cannot stop the second."""
    spec = host.config.bus
    if not spec.isdigit():
        return skip("other drivers", "a virtual board")
    others = foreign(host.root, holders(host.root, lambda name: name == f"/dev/i2c-{spec}"))
    if others:
        return warn("other drivers", f"{others[0]} has the motors' bus open too", f"kill {others[0].pid}")
    return ok("other drivers", "none")


def web_port(host: Host) -> Check:
    taken, who = listener(host.root, WEB_PORT)
    if not taken:
        return ok("web port", f"{WEB_PORT} is free")
    if who is not None and not foreign(host.root, [who]):
        return ok("web port", f"{WEB_PORT} is JetRacer's")
    fix = f"kill {who.pid}" if who else f"sudo ss -tlnp sport = :{WEB_PORT}, then end that program"
    return warn("web port", f"{WEB_PORT} is taken by {who or 'a program of another user'}", fix)


def other_services(host: Host) -> Check:
    for name in OTHERS:
        if host.glob(f"/etc/systemd/system/*.wants/{name}.service"):
            return warn("other services", f"{name} writes to the same display", f"sudo systemctl disable --now {name}")
    return ok("other services", "none")


CHECKS = (guard, services, other_drivers, web_port, other_services)
