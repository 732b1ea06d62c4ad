"""`jetracer display`: the car's display while nobody drives. It gives way to a drive's, and comes back after it."""
from __future__ import annotations

import argparse
import signal
from typing import Any, List

from jetracer.cli.kits import BUS_HELP
from jetracer.cli.parser import Parser
from jetracer.core import config as configuration
from jetracer.core.errors import DeviceError


def main(arguments: List[str]) -> int:
    parser = Parser(
        prog="jetracer display", description=__doc__,
        epilog="Options of the display work too, such as --display.size 128x64. A display that is absent is no "
               "fault: it is looked for again now and then. SIGTERM and Ctrl-C end it and leave the glass dark.",
    )
    parser.add_argument("--bus", metavar="N", help=BUS_HELP)
    parser.add_argument("--kit", metavar="NAME", help="the car's kit, if the bus cannot tell: see jetracer kits")
    options, rest = parser.parse_known_args(arguments)
    config, kit = _config(options, rest)
    from jetracer.core.runtime import guard_socket
    from jetracer.display.base import make_display
    from jetracer.drive.standby import Standby
    from jetracer.drive.vitals import CarView

    view = CarView(config.guard.socket or guard_socket(), config.bus, config.guard.battery, config.guard.root or "/")
    standby = Standby(make_display(config.display, config.bus), view, kit)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_signal: standby.ended.set())
    try:
        standby.run()
    finally:
        view.close()
    return 0


def _config(options: argparse.Namespace, rest: List[str]) -> Any:
    """(the configuration, what the kit is called)."""
    from jetracer.car.kit import kit_names, load_kit
    from jetracer.drive.standby import StandbyConfig

    config, named = StandbyConfig(), ""
    if options.kit:
        kit = load_kit(options.kit)
        config, named = kit.apply(config), kit.name if kit.name in kit_names() else kit.title
    if options.bus:
        config = configuration.merge(config, {"bus": options.bus})
    config = configuration.override(config, rest)
    found = _found(config.bus)
    return config, named or found


def _found(bus: str) -> str:
    """The kit that the chips on the bus show, where they do. Raises ConfigError for what is no bus."""
    from jetracer.car.detect import detect_on

    try:
        return detect_on(bus).kit or ""
    except DeviceError:
        return ""
