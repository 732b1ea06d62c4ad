"""`jetracer calibrate delay`: from a command to the first picture that shows it, by pulses on the steering."""
from __future__ import annotations

import argparse
import json
import signal
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any, Callable, List

from jetracer.cli.calibrate import car_options, chosen, interrupted, say, write_kit
from jetracer.cli.parser import Parser
from jetracer.core.errors import ConfigError

CRAWL_MPS = 0.25
STEERING_PER_S = 1000.0  # the pulse itself must not be smoothed


def main(arguments: List[str]) -> int:
    options, rest = _parser().parse_known_args(arguments)
    signal.signal(signal.SIGTERM, interrupted)
    from jetracer.calibrate.delay import DelayConfig, DelayMeter
    from jetracer.calibrate.person import Quit
    from jetracer.calibrate.rig import rig

    kit, config = chosen(options, rest, {"world": {"look": "nose"}})
    throttle = config.control.car.motor.throttle(CRAWL_MPS) if options.rolling else 0.0
    measuring = DelayConfig(repeats=options.repeats, throttle=throttle)
    limits = replace(config.guard.limits, steering_per_s=STEERING_PER_S,
                     max_throttle=min(config.guard.limits.max_throttle, 1.5 * throttle))
    try:
        with ExitStack() as stack:
            held = _always if config.sim else _person(stack, measuring)
            parts = stack.enter_context(rig(config, config.car, limits, camera=True))
            found = DelayMeter(parts.guard, parts.camera, parts.clock, measuring, held).measure()
    except (Quit, KeyboardInterrupt):
        say("\nStopped: the car is in neutral, nothing was written.")
        return 1
    say(f"{1e3 * found.delay_s:.1f} ms from a command to the first picture that shows it "
        f"(spread {1e3 * found.spread_s:.1f} ms of {len(found.each_s)} pulses): {1e3 * found.actuator_s:.1f} ms until "
        f"it moves, {500 * found.period_s:.1f} until the next picture, {1e3 * found.arrival_s:.1f} until that is here")
    values = {"control": {"delay_s": round(found.delay_s, 4), "car": {"actuator_delay_s": round(found.actuator_s, 4)}}}
    path = write_kit(options, kit, values)
    print(json.dumps({**asdict(found), "kit": str(path)}) if options.json else f"{path} written.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jetracer calibrate delay", description=__doc__)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--standing", action="store_true", help="the car stands, its front wheels are in the picture")
    how.add_argument("--rolling", action="store_true", help="the car rolls at a crawl, for some metres")
    car_options(parser)
    parser.add_argument("--repeats", type=int, default=8, metavar="N", help="pulses")
    return parser


def _always() -> bool:
    return True


def _person(stack: ExitStack, measuring: Any) -> Callable[[], bool]:
    """Asks first; then the car moves only while H is held."""
    from jetracer.calibrate.person import TURN_S, ask, pressed
    from jetracer.core.clock import MonotonicClock
    from jetracer.teleop.terminal import Held, Terminal

    clock, hand = MonotonicClock(), Held()
    terminal = stack.enter_context(Terminal())
    lasting_s = measuring.lasting_s
    question = (f"The car will roll about {CRAWL_MPS * lasting_s:.1f} m in {lasting_s:.0f} s, steering left and right. "
                "Is the way clear?" if measuring.throttle else
                f"The front wheels will turn for {lasting_s:.0f} s. Are they free, and in the picture?")
    if not ask(terminal, clock, say, question):
        raise ConfigError("Make room first; nothing was moved.")

    def held() -> bool:
        now_s = clock.now_s()
        for key in pressed(terminal):
            if key == "h":
                hand.press(key, now_s)
        return hand.at(now_s)

    say(f"Hold H for {lasting_s + 2:.0f} s; let go, and the car stops.")
    while not held():
        clock.sleep_until(clock.now_s() + TURN_S)
    return held
