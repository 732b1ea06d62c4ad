"""`jetracer service install | status | remove`: the car is ready when it is switched on, and waits for its pilot."""
from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from textwrap import indent
from typing import List

from jetracer.cli.parser import Parser
from jetracer.core.errors import BusError, ConfigError, ServiceError
from jetracer.core.i2c import AUTO
from jetracer.service.install import below, install, remove, written
from jetracer.service.plan import CAR, Choice, File, files, start_commands, stop_commands
from jetracer.service.status import Report, status


def main(arguments: List[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.job == "status":
        return _status(options.json)
    root = Path(options.root)
    if options.job == "remove":
        return _remove(root, options.dry_run)
    return _install(options, root)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer service", description=__doc__)
    jobs = parser.add_subparsers(dest="job", metavar="install | status | remove", required=True)
    one = jobs.add_parser("install", help="write the units and their configuration, enable and start them")
    one.add_argument("--kit", metavar="NAME", help="the car's kit, if the bus cannot tell: see jetracer kits")
    one.add_argument("--bus", metavar="N", help="the I2C bus, if it is not the kit's: 1 for /dev/i2c-1")
    one.add_argument("--camera", default="csi", metavar="NAME", help="csi (default), usb, usb:1")
    one.add_argument("--user", metavar="NAME", help="whose programs these are; default: who called sudo")
    one.add_argument("--allow-camera-restart", action="store_true",
                     help="the drive may run by sudo: systemctl restart nvargus-daemon, and nothing else")
    two = jobs.add_parser("remove", help="stop and disable the units, delete what install wrote")
    for job in (one, two):
        job.add_argument("--dry-run", action="store_true", help="print every file and every command, change nothing")
        job.add_argument("--root", default="/", metavar="DIR", help="another system's files, which is not running")
    three = jobs.add_parser("status", help="what runs, since when, armed or not, the last fault")
    three.add_argument("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _install(options: argparse.Namespace, root: Path) -> int:
    wanted = files(_choice(options, root))
    if options.dry_run:
        for file in wanted:
            print(_shown(file, below(root, file.path).exists()))
        _print_commands(start_commands(root))
        return 0
    _need_root(root)
    install(wanted, root, print)
    print("The car is ready at every boot; it moves only when its pilot arms it. See: jetracer service status")
    return 0


def _choice(options: argparse.Namespace, root: Path) -> Choice:
    user = options.user or os.environ.get("SUDO_USER") or ("" if os.geteuid() == 0 else os.environ.get("USER", ""))
    if not user:
        raise ConfigError("Whose car is it? Name the user with --user; root need not drive.")
    there = below(root, CAR).exists()
    if there and (options.kit or options.bus):
        print(f"jetracer: {CAR} is there already and stays; change it there.", file=sys.stderr)
    kit = "" if there else options.kit or _kit_on(options.bus or AUTO)
    return Choice(user, kit, options.bus or "", options.camera, _may_restart_camera(options, root))


def _kit_on(bus: str) -> str:
    from jetracer.car.detect import kit_on

    try:
        return kit_on(bus)
    except BusError as error:
        raise ConfigError(f"Which kit is it? Name it with --kit (see jetracer kits --list): {error}") from error


def _may_restart_camera(options: argparse.Namespace, root: Path) -> bool:
    """Asked once, of a person, where there is such a daemon."""
    if options.allow_camera_restart or below(root, "/etc/sudoers.d/jetracer").exists():
        return True
    there = below(root, "/usr/sbin/nvargus-daemon").exists()
    if options.dry_run or not there or not sys.stdin.isatty():
        return False
    answer = input("When the CSI camera's daemon hangs, may the drive restart it (by sudo, this one command)? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def _need_root(root: Path) -> None:
    if root == Path("/") and os.geteuid() != 0:
        raise ServiceError(f"This needs root: sudo {' '.join([os.path.abspath(sys.argv[0]), *sys.argv[1:]])}")


def _remove(root: Path, dry_run: bool) -> int:
    if not dry_run:
        _need_root(root)
        remove(root, print)
        return 0
    _print_commands(stop_commands(root))
    for name in written(root):
        print(f"delete {name}")
    return 0


def _shown(file: File, there: bool) -> str:
    if file.keep and there:
        return f"keep {file.path}: it is yours\n"
    return f"write {file.path} ({file.mode:o})\n{indent(file.text, '    ')}"


def _print_commands(commands: List) -> None:
    for command in commands:
        print(f"run {' '.join(command)}")


def _status(as_json: bool) -> int:
    report = status()
    print(json.dumps({**asdict(report), "well": report.well}) if as_json else _told(report))
    return 0 if report.well else 1


def _told(report: Report) -> str:
    lines = [f"{service.name:<17} {service.words}" for service in report.services]
    car = {None: "no guard can be asked", True: "armed", False: "in neutral, not armed"}[report.armed]
    lines.append(f"{'the car':<17} {car}")
    if report.fault:
        lines.append(f"{'held by':<17} {report.fault}")
    return "\n".join(lines)
