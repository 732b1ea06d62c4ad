"""`jetracer calibrate`: centre and ends of the steering, dead band, direction and reverse of the throttle."""
from __future__ import annotations

import argparse
import difflib
import json
import math
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from jetracer.cli.parser import Parser
from jetracer.cli.status_line import columns
from jetracer.core import config as configuration
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown
from jetracer.drive.config import DriveConfig

KITS = Path("calibration") / "car"
GROUND = "Are all wheels off the ground, and fingers, hair and cables away from them?"


def main(arguments: List[str]) -> int:
    if arguments[:1] in (["camera"], ["delay"]):
        return import_module(f"jetracer.cli.calibrate_{arguments[0]}").main(arguments[1:])
    if arguments and not arguments[0].startswith("-"):
        raise unknown("calibration", arguments[0], ("camera", "delay"))
    options, rest = _parser().parse_known_args(arguments)
    signal.signal(signal.SIGTERM, interrupted)
    kit, config = chosen(options, rest, {"world": {"lifted": True}})
    return _calibrate(options, kit, config)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="jetracer calibrate",
        description="Find the car's centre, ends, dead band and reverse, with its wheels off the ground. "
                    "See also: jetracer calibrate camera --help, jetracer calibrate delay --help",
        epilog="Options of the configuration work too, such as --bus 8 or, with --sim, --world.car_seed 7.",
    )
    car_options(parser)
    parser.add_argument("--by-hand", action="store_true", help="the simulated car too with your own eyes and keys")
    return parser


def car_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--sim", action="store_true", help="the simulated car; it is measured by itself")
    add("--kit", metavar="NAME", help="the kit to start from, or your own FILE.toml; default: by the chips on the bus")
    add("--out", metavar="FILE", help="where the kit goes; default: your own file, else calibration/car/KIT.toml")
    add("--json", action="store_true", help="one JSON object on the last line")


def chosen(options: argparse.Namespace, rest: List[str], given: Dict[str, Any]) -> Tuple[Any, DriveConfig]:
    """The kit, and the configuration that follows from it and from the command line."""
    from jetracer.car.detect import kit_on
    from jetracer.car.kit import load_kit

    config = configuration.override(configuration.merge(DriveConfig(sim=options.sim), given), rest)
    kit = load_kit(options.kit or ("simulated" if options.sim else kit_on(config.bus)))
    config = kit.apply(DriveConfig(sim=options.sim))
    return kit, configuration.override(configuration.merge(config, given), rest)


def _calibrate(options: argparse.Namespace, kit: Any, config: DriveConfig) -> int:
    from jetracer.calibrate.bench import Bench, bench_limits
    from jetracer.calibrate.found import kit_values
    from jetracer.calibrate.person import Guide, Quit, ask
    from jetracer.calibrate.readout import find_all
    from jetracer.calibrate.rig import rig
    from jetracer.calibrate.scale import trial_car
    from jetracer.car.kit import base_of
    from jetracer.core.clock import MonotonicClock
    from jetracer.teleop.terminal import Terminal

    limits, began_s = base_of(kit).car, time.monotonic()  # the kit's own ends are what is measured anew
    car = replace(config.car, steering_min_us=limits.steering_min_us, steering_max_us=limits.steering_max_us)
    with ExitStack() as stack:
        terminal = None
        if options.by_hand or not config.sim:
            terminal = stack.enter_context(Terminal())
            if not ask(terminal, MonotonicClock(), say, GROUND):
                raise ConfigError("Put the car on a stand first, so that its wheels turn freely; nothing was moved.")
        try:
            parts = stack.enter_context(rig(config, trial_car(car), bench_limits(car, config.guard.limits)))
            bench = Bench(parts.guard, car, parts.clock)
            bench.arm()
            if terminal is None:
                found = find_all(bench, lambda: _seen(parts.truth()), say)
            else:
                seen = (lambda: _told(parts.truth())) if parts.truth else str
                guide = Guide(bench, terminal, parts.clock, say, show, config.car.steering_gain < 0, seen)
                found = guide.find_all()
        except (Quit, KeyboardInterrupt):
            say("\nStopped: the car is in neutral, nothing was written.")
            return 1
    took_s = time.monotonic() - began_s
    values = kit_values(found, config.car)
    path = write_kit(options, kit, values)
    if options.json:
        print(json.dumps({"found": asdict(found), "values": values, "kit": str(path), "duration_s": round(took_s, 2)}))
    else:
        print(f"{path} written after {took_s:.0f} s. Drive with: jetracer drive {_same_car(config)}--kit {path}")
    return 0


def _same_car(config: DriveConfig) -> str:
    """The options that choose a simulated car again."""
    seed = config.world.car_seed
    return ("--sim " if config.sim else "") + (f"--world.car_seed {seed} " if config.sim and seed is not None else "")


def _seen(truth: Any) -> Tuple[float, float]:
    """What eyes would see of the simulated car: wheels to the right, speed of the driven ones."""
    return -truth.steering_rad, truth.speed_mps


def _told(truth: Any) -> str:
    angle, speed_mps = _seen(truth)
    return f"wheels {math.degrees(angle):+5.1f} deg, {speed_mps:+.2f} m/s"


def write_kit(options: argparse.Namespace, kit: Any, values: Dict[str, Any]) -> Path:
    """Put `values` into the kit's file, show what changes; returns its path. Raises ConfigError."""
    from jetracer.car.kit import is_shipped, kit_text

    path = Path(options.out) if options.out else KITS / f"{kit.name}.toml" if is_shipped(kit) else kit.path
    base = kit.name if is_shipped(kit) else str(kit.path.absolute())
    text = kit_text(path, base, values)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    names = (f"{path} as it was", str(path))
    for line in difflib.unified_diff(before.splitlines(), text.splitlines(), *names, n=1, lineterm=""):
        say(f"    {line}")
    configuration.write_text(path, text)
    return path


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """The one line that changes; on no terminal, nothing."""
    if sys.stderr.isatty():
        most = columns() - 1
        print(f"\r{text[:most]:<{most}}", end="", file=sys.stderr, flush=True)


def interrupted(_number: int, _frame: Optional[Any]) -> None:
    """A signal's handler: SIGTERM ends as Ctrl-C does."""
    raise KeyboardInterrupt
