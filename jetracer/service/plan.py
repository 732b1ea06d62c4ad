"""What an installation consists of: files, made from the templates in `systemd/`, and systemctl's commands."""
from __future__ import annotations

import grp
import pwd
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence, Tuple

import jetracer
from jetracer.car.kit import load_kit
from jetracer.core.errors import ConfigError

CAR = "/etc/jetracer/car.toml"
UNITS = ("jetracer-guard.service", "jetracer.service", "jetracer-display.service")
BUS_GROUPS = ("i2c",)
DRIVE_GROUPS = ("i2c", "video", "render", "input")
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")  # nothing that systemd or sudo would read as their own


@dataclass(frozen=True)
class File:
    """`keep`: one that is there already belongs to its owner and stays as it is."""

    path: str
    text: str
    mode: int = 0o644
    keep: bool = False


@dataclass(frozen=True)
class Choice:
    """What the owner of the car has chosen."""

    user: str  # whose programs these are
    kit: str = ""  # a shipped one, or a file; empty where car.toml says it already
    bus: str = ""  # empty: the kit's
    camera: str = "csi"
    camera_restart: bool = False  # the drive may restart the camera's daemon
    python: str = sys.executable


def files(choice: Choice) -> List[File]:
    """All files, in the order in which they are written. Raises ConfigError."""
    _check(choice)
    found = [File(CAR, _car(choice), keep=True)] if choice.kit else []
    found += [
        File("/etc/jetracer/drive.toml", _DRIVE.format(camera=choice.camera), keep=True),
        *(File(f"/etc/systemd/system/{unit}", _filled(unit, choice)) for unit in UNITS),
    ]
    if choice.camera_restart:
        found += [
            File("/etc/sudoers.d/jetracer", _filled("sudoers", choice), 0o440),
            File("/etc/systemd/system/jetracer.service.d/camera-restart.conf", _filled("camera-restart.conf", choice)),
        ]
    return found


def start_commands(root: Path, changed: bool = True) -> List[Sequence[str]]:
    """After the files are written; a car whose files did not change drives on. Below another root nothing runs."""
    if root != Path("/"):
        return [("systemctl", f"--root={root}", "enable", *UNITS)]
    # not waited for: a guard without a car takes its time
    return [("systemctl", "daemon-reload"), ("systemctl", "enable", *UNITS),
            ("systemctl", "restart" if changed else "start", "--no-block", *UNITS)]


def stop_commands(root: Path) -> List[Sequence[str]]:
    """Before the files are removed."""
    if root != Path("/"):
        return [("systemctl", f"--root={root}", "disable", *UNITS)]
    return [("systemctl", "disable", "--now", *UNITS)]


def _check(choice: Choice) -> None:
    try:
        pwd.getpwnam(choice.user)
    except KeyError:
        raise ConfigError(f"There is no user {choice.user!r} here; name one with --user.") from None
    for what, text in (("user", choice.user), ("path of this Python", choice.python)):
        if not _PLAIN.fullmatch(text):
            raise ConfigError(f"The {what} ({text!r}) has characters that systemd reads as its own; choose another.")


def _car(choice: Choice) -> str:
    bus = f'bus = "{choice.bus}"\n\n' if choice.bus else ""
    kit = load_kit(choice.kit)
    base = choice.kit if kit.name == choice.kit else kit.path.expanduser().absolute()
    return f'{_CAR}{bus}[kit]\nbase = "{base}"\n'


_CAR = """\
# The car that jetracer-guard.service owns, as a kit of your own. Yours to change, then:
#   sudo systemctl restart jetracer-guard
"""
_DRIVE = """\
# What jetracer.service drives with: options of `jetracer drive`. Yours to change, then:
#   sudo systemctl restart jetracer
teleop = "gamepad"
film = false
realtime = true

[camera]
name = "{camera}"
"""


def _filled(name: str, choice: Choice) -> str:
    text = (templates() / name).read_text(encoding="utf-8")
    for key, value in (("USER", choice.user), ("PYTHON", choice.python), ("BUS_GROUPS", _existing(BUS_GROUPS)),
                       ("DRIVE_GROUPS", _existing(DRIVE_GROUPS))):
        text = text.replace(f"@{key}@", value)
    return text


def _existing(groups: Tuple[str, ...]) -> str:
    """systemd refuses a unit with a group that does not exist."""
    known = {group.gr_name for group in grp.getgrall()}
    return " ".join(name for name in groups if name in known)


def templates() -> Path:
    """The folder `systemd/`: beside the package in a checkout, else where pip put it."""
    beside = Path(jetracer.__file__).resolve().parent.parent / "systemd"
    return beside if (beside / UNITS[0]).exists() else Path(sys.prefix) / "share/jetracer/systemd"
