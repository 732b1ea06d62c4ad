"""What a check says, and the machine as the checks see it."""
from __future__ import annotations

import getpass
import grp
import os
import resource
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, FrozenSet, List, Mapping, Tuple

from jetracer.core.i2c import open_bus
from jetracer.core.runtime import runtime_place
from jetracer.drive.config import DriveConfig
from jetracer.engine.load import SHIPPED
from jetracer.teleop.evdev import Ask, ask_kernel

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"


@dataclass(frozen=True)
class Check:
    """What was looked at and found. `fix` is one command or one short sentence; warnings and failures have one."""

    name: str
    status: str  # ok; warn: it drives, but not as well as it could; fail: it does not drive; skip: not here
    detail: str
    fix: str = ""


def ok(name: str, detail: str) -> Check:
    return Check(name, OK, detail)


def warn(name: str, detail: str, fix: str) -> Check:
    return Check(name, WARN, detail, fix)


def fail(name: str, detail: str, fix: str) -> Check:
    return Check(name, FAIL, detail, fix)


def skip(name: str, detail: str, fix: str = "") -> Check:
    return Check(name, SKIP, detail, fix)


def _session_groups() -> FrozenSet[str]:
    """The groups that this process has, which may be fewer than /etc/group gives its user by now."""
    names = set()
    for number in {*os.getgroups(), os.getegid()}:
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:  # a number without a name, as containers have them
            continue
    return frozenset(names)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name
        return str(os.getuid())


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


def _opencv_build() -> str:
    """What OpenCV says about how it was built. Raises ImportError."""
    import cv2

    return cv2.getBuildInformation()


@dataclass(frozen=True)
class Host:
    """The machine: files below `root`, and what no file tells. The defaults are this machine, now.

    `config` is what `jetracer drive` would use with the same options; `mistake` says why it cannot be used.
    """

    root: Path = Path("/")
    config: DriveConfig = field(default_factory=DriveConfig)
    mistake: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = field(default_factory=Path.cwd)
    user: str = field(default_factory=_user)
    uid: int = field(default_factory=os.getuid)
    groups: FrozenSet[str] = field(default_factory=_session_groups)
    python: Tuple[int, ...] = tuple(sys.version_info[:3])
    packages: Tuple[str, ...] = field(default_factory=lambda: tuple(path for path in sys.path if path))
    models: Path = SHIPPED
    runtime: Path = field(default_factory=runtime_place)
    realtime: bool = field(
        default_factory=lambda: os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] > 0)
    may_use: Callable[[Path], bool] = _may_use  # read and write
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    wall_s: Callable[[], float] = time.time
    open_bus: Callable[[str], Any] = open_bus
    ask: Ask = ask_kernel
    opencv_build: Callable[[], str] = _opencv_build

    def path(self, name: str) -> Path:
        """`name` is absolute, as on the machine itself."""
        return self.root / name.lstrip("/")

    def there(self, name: str) -> bool:
        return os.path.lexists(self.path(name))

    def text(self, name: str) -> str:
        """The file's text without the zero that ends those of a device tree; empty where it cannot be read."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return ""

    def glob(self, pattern: str) -> List[Path]:
        """In the order of their numbers: video2 before video10."""
        found = self.root.glob(pattern.lstrip("/"))
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def program(self, name: str) -> str:
        """Where a program lies on the PATH; empty where it does not."""
        folders = self.env.get("PATH", "").split(os.pathsep)
        return next((f"{folder}/{name}" for folder in folders if folder and self.there(f"{folder}/{name}")), "")

    @property
    def board(self) -> str:
        """The name of a single-board computer, such as "NVIDIA Jetson Nano Developer Kit"; empty on a PC."""
        return self.text("/proc/device-tree/model")

    @property
    def jetson(self) -> bool:
        return "Jetson" in self.board or self.there("/etc/nv_tegra_release")

    def runs(self) -> Path:
        """The folder for run folders."""
        return self.folder / self.config.runs

    def join_group(self, group: str) -> str:
        """The command that lets this user in, or the step that is left once it was given."""
        for line in self.text("/etc/group").splitlines():
            name, *_, members = [*line.split(":"), "", ""][:4]
            if name == group and self.user in members.split(",") and group not in self.groups:
                return f"log in again: {self.user} is in the group {group}, but this session began before"
        return f"sudo usermod -aG {group} {self.user}, then log in again"
