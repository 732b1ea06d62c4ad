"""`jetracer kits`: which kit this car is built from, by the chips on its bus, and why. Only reads."""
from __future__ import annotations

import json
from typing import Any, Dict, List

from jetracer.car.detect import Found, detect_on
from jetracer.car.kit import kit_names, load_kit
from jetracer.cli.parser import Parser
from jetracer.core.i2c import AUTO, which_bus

BUS_HELP = "1 for /dev/i2c-1, or sim:PATH; default: the one on pins 3 and 5 of the header"


def main(arguments: List[str]) -> int:
    parser = Parser(prog="jetracer kits", description=__doc__)
    parser.add_argument("--bus", default=AUTO, metavar="N", help=BUS_HELP)
    parser.add_argument("--list", action="store_true", help="the kits that there are; looks at no bus")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args(arguments)
    if options.list:
        return _list(options.json)
    found, bus = detect_on(options.bus), which_bus(options.bus)
    print(json.dumps({**_as_dict(found), "bus": bus}) if options.json else _told(found, bus))
    return 0 if found.candidates else 1


def _list(as_json: bool) -> int:
    kits = [load_kit(name) for name in kit_names()]
    if as_json:
        rows = [{"name": kit.name, "title": kit.title, "wiring": kit.wiring} for kit in kits]
        print(json.dumps({"kits": rows}))
        return 0
    for kit in kits:
        print(f"{kit.name:<16} {kit.title}\n{'':<16} {kit.wiring}")
    return 0


def _as_dict(found: Found) -> Dict[str, Any]:
    return {"kit": found.kit, "evidence": list(found.evidence), "candidates": list(found.candidates)}


def _told(found: Found, bus: str) -> str:
    lines = [f"  {sentence}" for sentence in found.evidence]
    if found.kit:
        return "\n".join([f"{found.kit}: {load_kit(found.kit).title}, on bus {bus}", *lines, _drive(found.kit)])
    if not found.candidates:
        return "\n".join([f"No kit found on bus {bus}.", *lines])
    choices = [f"  {name:<16} {load_kit(name).title}" for name in found.candidates]
    return "\n".join([f"On bus {bus} it is one of these; choose the one that you bought:", *choices, "Why:", *lines,
                      _drive("NAME")])


def _drive(kit: str) -> str:
    return f"Drive it with: jetracer drive --kit {kit}"
