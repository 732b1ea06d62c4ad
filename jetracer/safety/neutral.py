"""The last resort when guard and parent were both killed, run by systemd: puts the car in neutral, and ends.

    python -m jetracer.safety.neutral --kit car.toml

While a guard lives, the motors are its own and this only says so.
"""
from __future__ import annotations

import sys
from typing import List, Optional

from jetracer.car.base import make_car
from jetracer.core.errors import GuardTaken, JetRacerError
from jetracer.safety.failsafe import bus_of, make_claim
from jetracer.safety.guard import TRIES
from jetracer.safety.launch import Launch, from_arguments


def main(argv: Optional[List[str]] = None) -> int:
    """Exit status 0: the car is in neutral, or a living guard has it; 1: the bus did not take it."""
    try:
        launch = from_arguments(sys.argv[1:] if argv is None else argv)
        claim = make_claim(launch)
    except GuardTaken:
        return _say("a guard is alive and has the last word.", 0)
    except JetRacerError as error:
        return _say(str(error), 1)
    try:
        return _neutral(launch)
    finally:
        claim.release()


def _neutral(launch: Launch) -> int:
    trouble: object = ""
    for _ in range(TRIES):
        try:
            bus = bus_of(launch)
            make_car(bus, launch.car).neutral()
        except JetRacerError as error:
            return _say(str(error), 1)  # no such bus, so no motors on it
        except OSError as error:
            trouble = error.strerror or error
        else:
            return _say("car in neutral.", 0)
    return _say(f"the bus does not answer ({trouble}): SWITCH THE CAR OFF.", 1)


def _say(text: str, status: int) -> int:
    sys.stderr.write(f"jetracer neutral: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
