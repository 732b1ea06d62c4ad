"""Who drives: the human, the network, or the human's foot with the network's hands."""
from __future__ import annotations

import math
from typing import Callable, Dict

from jetracer.core.registry import unknown
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, Command, Pilot

MIXES: Dict[str, Callable[[Command, Command], Command]] = {
    MANUAL: lambda human, network: human,
    ASSISTED: lambda human, network: Command(network.steering, human.throttle),
    AUTOMATIC: lambda human, network: network,
}


class Arbiter:
    """`choose` is the whole of it; the safety gate, not this, sees to the deadman and to the car's limits."""

    def choose(self, pilot: Pilot, network: Command, sees: bool = True) -> Command:
        """The command of the pilot's mode, with his trim and limit. Raises UnknownName for an unknown mode.

        A network that sees nothing steers nowhere: in assisted mode the human's foot then moves nothing.
        """
        mix = MIXES.get(pilot.mode)
        if mix is None:
            raise unknown("driving mode", pilot.mode, MIXES)
        chosen = mix(pilot.command, network)
        throttle = 0.0 if pilot.mode == ASSISTED and not sees else _within(chosen.throttle, pilot.limit)
        return Command(_within(chosen.steering + pilot.trim, 1.0), throttle)


def _within(value: float, most: float) -> float:
    """`value` in [-most, most]; NaN stays what it is, for the gate to see."""
    return math.copysign(most, value) if abs(value) > most else value
