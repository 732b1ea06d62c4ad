"""`jetracer drive`: a simulated car, a recording, or the real car, until laps, time or Ctrl-C."""
from __future__ import annotations

import argparse
import json
import signal
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from jetracer.cli.parser import Parser
from jetracer.cli.status_line import Status
from jetracer.core import config as configuration
from jetracer.core.errors import ConfigError
from jetracer.drive.ending import laps
from jetracer.drive.kit import kit_of
from jetracer.safety.reasons import reason

TOO_SLOW = ("stale_frame", "watchdog")  # what stops a car that nothing else is wrong with
BUSY = ("This computer was too busy to simulate in real time: end what else runs and drive again; "
        "jetracer evaluate --tracks 1 --seeds 1 drives in a time that waits for it.")


def main(arguments: List[str], verb: str = "jetracer drive", about: Optional[str] = __doc__,
         own: Sequence[Tuple[str, str]] = ()) -> int:
    """`own`: options of the verb, each with its help, that it has itself made into those of a drive."""
    options, rest = _parser(verb, about, own).parse_known_args(arguments)
    config, status = _config(options, rest), Status(quiet=options.headless or options.json)
    from jetracer.drive.build import completed, drive  # only now: it loads OpenCV
    if not options.kit:
        options.kit = kit_of(completed(config), status.say)
        config = _config(options, rest)

    signal.signal(signal.SIGTERM, _interrupt)  # so that systemd's stop ends a drive as Ctrl-C does
    try:
        summary = drive(config, status, status.say)
    finally:
        status.close()
        status.tell_trim(config.car)
    print(json.dumps(summary) if options.json else _told(summary, config.sim and not config.world.fault))
    return 0 if summary["reached"] else 1


def configured(arguments: List[str]) -> Any:
    """The configuration that this command line and the files in it make. Raises ConfigError."""
    return _config(*_parser("jetracer drive", None).parse_known_args(arguments))


def _parser(verb: str, about: Optional[str], own: Sequence[Tuple[str, str]] = ()) -> argparse.ArgumentParser:
    parser = Parser(
        prog=verb, description=about,
        epilog="Any option of the configuration works too, such as --control.speed.max_speed_mps 1.2; "
               "the config.toml of a run folder lists them all.",
    )
    add = parser.add_argument
    for name, text in own:
        add(name, action="store_true", help=text)
    add("--sim", action="store_true", help="a simulated car on a simulated track")
    add("--camera", metavar="NAME", help="csi, usb, usb:1, replay:FOLDER, replay:FILM, sim, null")
    add("--kit", metavar="NAME", help="the car's kit: a name (jetracer kits --list) or your own FILE.toml; "
                                    "default: by the chips on the bus, where they can tell")
    add("--car", metavar="NAME", help="servo_esc, dc_motors, or null: no motors at all")
    add("--road", metavar="MODEL", help="road model: a shipped name, an .onnx file, none, or null")
    add("--teleop", metavar="NAME", help="the pilot: gamepad, keyboard, auto, script:FILE, null")
    add("--display", metavar="NAME", help="ssd1306, or null: none; on a real car ssd1306, if there is one")
    add("--laps", type=int, metavar="N", help="end after so many laps (simulation)")
    add("--duration", type=float, metavar="S", help="end after so many seconds")
    add("--seed", type=int, metavar="N", help="of the simulated track and its look")
    add("--fault", action="append", metavar="NAME@START[+DURATION]",
        help="it goes wrong on purpose (simulation): black, frozen, lost ...; see docs/simulation.md")
    add("--hz", type=float, metavar="HZ", help="pace of the loop; default: every frame as it comes")
    add("--service", action="store_true", help="started at boot by systemd: see jetracer service")
    add("--realtime", action="store_true", help="real-time scheduling, where permitted")
    add("--config", metavar="FILE", help="TOML file of options, such as the config.toml of a run folder")
    add("--headless", action="store_true", help="no status line")
    add("--json", action="store_true", help="the summary as one JSON object on the last line")
    return parser


def _config(options: argparse.Namespace, rest: List[str]) -> Any:
    from jetracer.car.kit import load_kit
    from jetracer.drive.config import DriveConfig

    config = DriveConfig()
    if options.kit:
        kit = load_kit(options.kit)
        config = kit.apply(config)
    if options.config:
        config = configuration.load(config, options.config)
    given = {
        "sim": options.sim or None, "road": options.road, "teleop": options.teleop, "laps": options.laps,
        "duration_s": options.duration, "seed": options.seed, "hz": options.hz,
        "realtime": options.realtime or None, "service": options.service or None,
        "camera": {"name": options.camera} if options.camera else None,
        "car": {"name": options.car} if options.car else None,
        "display": {"name": options.display} if options.display else None,
        "world": {"fault": ",".join(options.fault)} if options.fault else None,
    }
    config = configuration.merge(config, {key: value for key, value in given.items() if value is not None})
    config = configuration.override(config, rest)
    for name in ("laps", "duration_s", "hz"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise ConfigError(f"{name} = {value} makes no sense; give a number above 0, or leave it out.")
    if config.camera.name == "sim":
        config = replace(config, sim=True)
    if config.sim and options.kit and "simulated" not in (kit.name, kit.base):
        raise ConfigError(f"--kit {options.kit} is for a real car; the simulated one is the kit 'simulated'.")
    return config


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _recording_told(recording: Dict[str, Any]) -> List[str]:
    lines = []
    if recording["error"]:
        lines.append(f"The recording, and with it these figures, ended before the drive: {recording['error']}.")
    if recording["dropped"]:
        lines.append(f"{recording['dropped']} steps were not recorded: the disk was too slow.")
    if recording["wanted"] == "button" or recording["undone"]:
        lines.append(f"{recording['pictures']} pictures recorded, {recording['undone']} thrown away.")
    if recording["wanted"] == "button" and not recording["pictures"] + recording["undone"]:
        lines.append("The record button was not used: R on the keyboard, X or square on a gamepad.")
    return lines


def _stops_told(stops: List[Dict[str, Any]]) -> List[str]:
    """A line for each reason, with the next step; not being armed follows from the others."""
    times: Dict[str, List[float]] = {}
    for stop in stops:
        times.setdefault(stop["reason"], []).append(stop["t_s"])
    if len(times) > 1:
        times.pop("not_armed", None)
    return [f"Stopped at {at[0]:.1f} s{f' and {len(at) - 1} more' if len(at) > 1 else ''}: "
            f"{reason(name).sentence} {reason(name).next_step}" for name, at in times.items()]


def _engine_told(engine: Optional[Dict[str, str]]) -> str:
    return f" ({engine['name']}, {engine['precision']})" if engine else ""


def _told(summary: Dict[str, Any], sound: bool = False) -> str:
    """`sound`: a simulated world in which nothing goes wrong on purpose."""
    loop = summary["loop"]
    lines = [f"Ended: {summary['ended']}."]
    if summary["laps"] is not None:
        lines.append(f"{laps(summary['laps'])}, {summary['distance_m']:.1f} m in {summary['duration_s']:.1f} s; "
                     f"off track {_count(summary['off_track'], 'time')}, {_count(summary['collisions'], 'collision')}.")
    else:
        lines.append(f"{summary['frames']} frames in {summary['duration_s']:.1f} s.")
    lines += _stops_told(summary["stops"])
    if sound and any(stop["reason"] in TOO_SLOW for stop in summary["stops"]):
        lines.append(BUSY)
    lines += _recording_told(summary["recording"])
    lines += [f"Not written: {problem}." for problem in summary.get("report_errors", ())]
    if loop["frame_age_ms"]["p50"] is not None:
        lines.append(
            f"Frame to motors {loop['frame_age_ms']['p50']:.1f} ms (99 %: {loop['frame_age_ms']['p99']:.1f}), "
            f"network {loop['inference_ms']['p50']:.1f} ms{_engine_told(summary['engine'])}, period varies by "
            f"{loop['period_rsd'] or 0:.1%}."
        )
    return "\n".join([*lines, f"See {summary['run']}"])
