"""`jetracer doctor`: what keeps the car from driving, and the command that mends it.

Takes the options of `jetracer drive`, so that what is examined is what would be driven. Only looks: it opens no camera,
sets nothing on the bus, writes no file and moves nothing.
"""
from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from dataclasses import asdict
from typing import Dict, Iterator, List, Tuple

from jetracer.cli.drive import configured
from jetracer.cli.parser import Parser
from jetracer.core.errors import ConfigError
from jetracer.doctor.base import FAIL, OK, SKIP, WARN, Check, Host
from jetracer.doctor.examine import examine
from jetracer.drive.config import DriveConfig

Found = Dict[str, List[Check]]
_MARKS = {OK: "ok", WARN: "warn", FAIL: "FAIL", SKIP: "-"}


def main(arguments: List[str]) -> int:
    if arguments[:1] == ["model"]:
        from jetracer.cli import doctor_model

        return doctor_model.main(arguments[1:])
    parser = Parser(prog="jetracer doctor", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="docs/doctor.md lists the checks and the form of --json. "
                                            "What a TensorRT does not take of a model: jetracer doctor model --help")
    parser.add_argument("--all", action="store_true", help="the details of what is well, too")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--kit", metavar="NAME", help="as for jetracer drive")
    parser.add_argument("--config", metavar="FILE", help="as for jetracer drive")
    options, rest = parser.parse_known_args(arguments)
    config, mistake = _config(options, rest)
    found = examine(Host(config=config, mistake=mistake))
    checks = [check for theme in found.values() for check in theme]
    if options.json:
        print(json.dumps({"checks": [asdict(check) for check in checks]}))
    else:
        print("\n".join([*_told(found, options.all), "", _verdict(checks)]))
    return int(any(check.status == FAIL for check in checks))


def _config(options: argparse.Namespace, rest: List[str]) -> Tuple[DriveConfig, str]:
    """What `jetracer drive` would use, and why it could not. Raises ConfigError for the command line's own mistakes."""
    files = [word for name in ("kit", "config") if getattr(options, name) for word in
             (f"--{name}", getattr(options, name))]
    plain = configured(rest)
    try:
        return configured([*files, *rest]), ""
    except ConfigError as error:
        return plain, str(error)


def _told(found: Found, details: bool) -> Iterator[str]:
    """One line for all that is well in a theme, and for each thing that is not its own, with the fix below.

    Commands are left in one piece, to be copied; what is found is broken to the terminal's width.
    """
    columns = max(80, shutil.get_terminal_size((120, 24)).columns)
    wide = max(len(theme) for theme in found)
    name_wide = max(len(check.name) for theme in found.values() for check in theme)
    for theme, checks in found.items():
        head = theme
        for status in (OK, SKIP):
            names = ", ".join(check.name for check in checks if check.status == status)
            if names and not details:
                yield f"{head:<{wide}}  {_MARKS[status]:<4}  {names}"
                head = ""
        for check in checks:
            if details or check.status in (WARN, FAIL):
                indent = " " * (wide + 10 + name_wide)
                first = f"{head:<{wide}}  {_MARKS[check.status]:<4}  {check.name:<{name_wide}}  "
                yield textwrap.fill(check.detail, columns, initial_indent=first, subsequent_indent=indent,
                                    break_long_words=False, break_on_hyphens=False)
                head = ""
                if check.status in (WARN, FAIL):
                    yield f"{indent}-> {check.fix}"


def _verdict(checks: List[Check]) -> str:
    failed = [check for check in checks if check.status == FAIL]
    warned = [check for check in checks if check.status == WARN]
    if failed:
        return f"It does not drive yet: {', '.join(check.name for check in failed)}. Begin with: {failed[0].fix}"
    if warned:
        return f"It drives; better with attention to: {', '.join(check.name for check in warned)}."
    if any(check.name == "i2c" and check.status == SKIP for check in checks):
        return "All is well here; this computer has no car. A simulated one: jetracer drive --sim"
    return "All is well. Now the same options with: jetracer drive"
