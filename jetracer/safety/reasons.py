"""Why the car does not do what it was told: one table, in order of importance.

Each reason is one bit, so that all of them travel in one number. Three kinds:

    notice   the command was changed or only remarked upon
    stop     neutral for as long as the cause lasts
    latch    neutral until the cause is gone AND somebody arms the car again
"""
from __future__ import annotations

from functools import lru_cache
from typing import Iterable, NamedTuple, Tuple

from jetracer.core.types import Stop

NOTICE, STOP, LATCH = "notice", "stop", "latch"


class Reason(NamedTuple):
    """`text` fits a line of a 128 px display (21 characters); `sentence` and `next_step` are for a screen."""

    name: str
    kind: str
    text: str
    sentence: str
    next_step: str


REASONS: Tuple[Reason, ...] = (
    Reason("estop", LATCH, "E-STOP", "Somebody pressed the emergency stop.", "Release it, then arm again."),
    Reason("bus_fault", LATCH, "MOTOR BUS FAULT", "The chip that drives the motors does not answer.",
           "If the wheels turn, SWITCH THE CAR OFF. Check wiring and power (jetracer doctor), then arm again."),
    Reason("brown_out", LATCH, "POWER DIPPED", "The supply of motors or computer broke down for a moment.",
           "Charge the battery and check the plugs, then arm again."),
    Reason("battery_stop", LATCH, "BATTERY EMPTY", "The battery is too low to drive on without damage.",
           "Change or charge the battery, then arm again."),
    Reason("hot_stop", LATCH, "COMPUTER TOO HOT", "The computer is so hot that it may switch itself off any moment.",
           "Let it cool down, see to its fan, then arm again."),
    Reason("watchdog", LATCH, "NO COMMANDS", "The program that drives went silent.",
           "Start it again or let it recover, then arm again."),
    Reason("stale_frame", LATCH, "CAMERA TOO OLD", "The newest picture is too old to drive by.",
           "Check the camera and the load of the computer, then arm again."),
    Reason("stale_pilot", STOP, "PILOT LINK LOST", "Nothing has been heard from the pilot for too long.",
           "Come nearer or connect the gamepad or browser again."),
    Reason("deadman", STOP, "DEADMAN RELEASED", "The pilot does not hold the deadman's button.",
           "Hold the button to drive."),
    Reason("not_finite", STOP, "COMMAND NOT A NUMBER", "The command was not a number.",
           "Check the model and the controller that made it."),
    Reason("unsure", STOP, "TRACK NOT SEEN", "The road has not been recognised for too long.",
           "Put the car back on the track, or drive by hand."),
    Reason("not_armed", STOP, "NOT ARMED", "The car is not armed.", "Arm it when everybody is clear."),
    Reason("settling", NOTICE, "MOTOR STARTING", "The motor controller wants neutral for a moment.",
           "Wait a second, then arm."),
    Reason("stick", NOTICE, "CENTRE THE STICK", "The throttle was not in neutral to arm the car.",
           "Let go of the throttle, then arm again."),
    Reason("other_driver", NOTICE, "ANOTHER DRIVER", "Another program is driving this car.",
           "Stop it first: jetracer stop"),
    Reason("malformed", NOTICE, "MESSAGE NOT READ", "A message was damaged or of another version.",
           "Restart the car so that all its programs are of one version."),
    Reason("late", NOTICE, "COMMAND LATE", "A command was too old when it arrived and was dropped.",
           "Lighten the load of the computer."),
    Reason("repeated", NOTICE, "COMMAND REPEATED", "A command came twice or out of order and was dropped.",
           "Report it: a program sends its commands twice."),
    Reason("battery_limit", NOTICE, "BATTERY: SLOWED", "The battery is low; the throttle is limited.",
           "Drive home and change the battery."),
    Reason("battery_warn", NOTICE, "BATTERY LOW", "The battery is getting low.", "Change the battery soon."),
    Reason("battery_unknown", NOTICE, "BATTERY UNKNOWN", "The battery's sensor is silent; its last verdict stays.",
           "Check its plug and see what answers: jetracer kits"),
    Reason("hot_limit", NOTICE, "HOT: SLOWED", "The computer is hot; the throttle is limited.",
           "Let it cool down and see to its fan."),
    Reason("hot_warn", NOTICE, "COMPUTER HOT", "The computer is getting hot.", "See to its fan."),
    Reason("throttled", NOTICE, "COMPUTER SLOWED", "The computer slows itself down: too hot, or its supply too weak.",
           "See to its fan and its supply: jetracer doctor"),
    Reason("range", NOTICE, "COMMAND CLIPPED", "The command was larger than allowed.",
           "Check gains and calibration if it happens often."),
    Reason("slew", NOTICE, "COMMAND SMOOTHED", "The command changed faster than allowed.",
           "Nothing to do; it is smoothed on purpose."),
)  # fmt: skip

BIT = {reason.name: 1 << place for place, reason in enumerate(REASONS)}
_STOP_OF = tuple((1 << place, Stop(reason.name, reason.text)) for place, reason in enumerate(REASONS))

ESTOP, BUS_FAULT, BROWN_OUT = BIT["estop"], BIT["bus_fault"], BIT["brown_out"]
BATTERY_STOP, BATTERY_LIMIT, BATTERY_WARN = BIT["battery_stop"], BIT["battery_limit"], BIT["battery_warn"]
HOT_STOP, HOT_LIMIT, HOT_WARN = BIT["hot_stop"], BIT["hot_limit"], BIT["hot_warn"]
BATTERY_UNKNOWN, THROTTLED = BIT["battery_unknown"], BIT["throttled"]
WATCHDOG, STALE_FRAME, STALE_PILOT = BIT["watchdog"], BIT["stale_frame"], BIT["stale_pilot"]
DEADMAN, NOT_FINITE, UNSURE = BIT["deadman"], BIT["not_finite"], BIT["unsure"]
NOT_ARMED, SETTLING, STICK = BIT["not_armed"], BIT["settling"], BIT["stick"]
OTHER_DRIVER, MALFORMED, LATE, REPEATED = BIT["other_driver"], BIT["malformed"], BIT["late"], BIT["repeated"]
RANGE, SLEW = BIT["range"], BIT["slew"]

LEVELS = BATTERY_STOP | BATTERY_LIMIT | BATTERY_WARN | HOT_STOP | HOT_LIMIT | HOT_WARN  # held until well past
LATCHING = sum(BIT[reason.name] for reason in REASONS if reason.kind == LATCH)
STOPPING = sum(BIT[reason.name] for reason in REASONS if reason.kind != NOTICE)


def reason(name: str) -> Reason:
    """The row of the table called `name`. Raises KeyError."""
    return REASONS[BIT[name].bit_length() - 1]


def bits(found: Iterable[Stop]) -> int:
    """The number in which these Stops travel. Raises KeyError for a name that is not in the table."""
    return sum(BIT[stop.reason] for stop in found)


@lru_cache(maxsize=4096)
def stops(number: int) -> Tuple[Stop, ...]:
    """The reasons in a number as Stops, the most important first; bits without a reason are left out."""
    return tuple(stop for bit, stop in _STOP_OF if number & bit)
