"""`jetracer doctor`: what is installed, what is connected, and the command that mends what is missing.

Only looks: it opens no camera, writes to no bus and moves nothing.
"""
from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, List, Optional

from jetracer import __version__
from jetracer.core.errors import JetRacerError
from jetracer.core.runtime import guard_socket, runtime_dir

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"
MIN_FREE_GB = 1.0
NEEDED = ("numpy", "onnxruntime", "smbus2", "traitlets")


@dataclass(frozen=True)
class Check:
    """What was looked at and found; `fix` is the next command or step where something is amiss."""

    name: str
    status: str
    detail: str
    fix: str = ""


def check_python(_root: Path) -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", OK, f"{version}, jetracer {__version__}")


def _version(package: str) -> Optional[str]:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_packages(_root: Path) -> Check:
    missing = [name for name in NEEDED if _version(name) is None]
    opencv = next(filter(None, map(_version, ("opencv-python-headless", "opencv-python"))), None)
    # OpenCV from JetPack has no package entry, only the module
    if opencv is None and importlib.util.find_spec("cv2") is None:
        missing.append("opencv-python-headless")
    if missing:
        return Check("packages", FAIL, f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    found = [f"{name} {_version(name)}" for name in NEEDED]
    return Check("packages", OK, ", ".join([*found, f"opencv {opencv or 'yes'}"]))


def check_training(_root: Path) -> Check:
    version = _version("torch")
    if version is None:
        return Check("training", SKIP, "no torch (training only; the car needs none)", "pip install 'jetracer[train]'")
    return Check("training", OK, f"torch {version}")


def check_model(_root: Path) -> Check:
    from jetracer.engine.load import load_engine

    try:
        with load_engine("road") as engine:
            wanted = engine.card.input
            return Check("road model", OK, f"{engine.card.name}, pictures of {wanted.width}x{wanted.height}")
    except JetRacerError as error:
        return Check("road model", FAIL, str(error), "pip install --force-reinstall jetracer, or make model")


def check_bus(root: Path) -> Check:
    buses = sorted(root.glob("dev/i2c-*"))
    if not buses:
        return Check("i2c", SKIP, "no /dev/i2c-*: no car here", "on a Jetson: enable I2C, then look with: i2cdetect -l")
    closed = [bus.name for bus in buses if not os.access(bus, os.R_OK | os.W_OK)]
    if len(closed) == len(buses):
        return Check("i2c", FAIL, f"no permission on {', '.join(closed)}",
                     "sudo usermod -aG i2c $USER, then log in again")
    return Check("i2c", OK, ", ".join(bus.name for bus in buses if bus.name not in closed))


def check_cameras(root: Path) -> Check:
    videos = sorted(root.glob("dev/video*"))
    if not videos:
        return Check("camera", SKIP, "no /dev/video*", "connect a camera; CSI: check the ribbon cable, then reboot")
    closed = [video.name for video in videos if not os.access(video, os.R_OK | os.W_OK)]
    if closed:
        return Check("camera", FAIL, f"no permission on {', '.join(closed)}",
                     "sudo usermod -aG video $USER, then log in again")
    return Check("camera", OK, ", ".join(video.name for video in videos))


def check_gstreamer(_root: Path) -> Check:
    path = shutil.which("gst-launch-1.0")
    if path:
        return Check("gstreamer", OK, path)
    return Check("gstreamer", SKIP, "gst-launch-1.0 is not installed (CSI cameras need it)",
                 "sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-base")


def check_realtime(_root: Path) -> Check:
    import resource

    allowed = os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] > 0
    if allowed:
        return Check("real time", OK, "SCHED_FIFO is permitted")
    return Check("real time", WARN, "SCHED_FIFO is not permitted: more jitter when the machine is busy",
                 "add '@jetracer - rtprio 50' to /etc/security/limits.d/jetracer.conf, or run as a systemd service")


def check_disk(_root: Path) -> Check:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    if free_gb < MIN_FREE_GB:
        return Check("disk", FAIL, f"{free_gb:.1f} GB free here", "free some space: recordings would stop early")
    return Check("disk", OK, f"{free_gb:.0f} GB free here")


def check_guard(_root: Path) -> Check:
    from jetracer.safety.client import GuardClient

    path = guard_socket()
    if not path.exists():
        return Check("guard", SKIP, f"none is running ({runtime_dir()})", "jetracer drive starts one")
    try:
        with GuardClient(str(path)) as guard:
            status = guard.status()
    except JetRacerError as error:
        return Check("guard", WARN, str(error), f"rm {path}, if no jetracer is running")
    return Check("guard", OK, "armed" if status.armed else "in neutral, not armed")


CHECKS: List[Callable[[Path], Check]] = [
    check_python, check_packages, check_model, check_training, check_bus, check_cameras, check_gstreamer,
    check_realtime, check_disk, check_guard,
]
_MARKS = {OK: "ok  ", WARN: "warn", FAIL: "FAIL", SKIP: "-   "}


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(prog="jetracer doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args(arguments)
    checks = [check(Path("/")) for check in CHECKS]
    for check in checks:
        if not options.json:
            print(f"{_MARKS[check.status]}  {check.name:<11} {check.detail}")
            if check.fix:
                print(f"                  -> {check.fix}")
    if options.json:
        print(json.dumps({"checks": [asdict(check) for check in checks]}))
    return int(any(check.status == FAIL for check in checks))
