"""Who drives: the human, the network, or the human's foot with the network's hands."""
from __future__ import annotations

from typing import Callable, Dict

from jetracer.core.registry import unknown
from jetracer.core.types import ASSISTED, AUTOMATIC, MANUAL, Command, Pilot

MIXES: Dict[str, Callable[[Command, Command], Command]] = {
    MANUAL: lambda human, network: human,
    ASSISTED: lambda human, network: Command(network.steering, human.throttle),
    AUTOMATIC: lambda human, network: network,
}


class Arbiter:
    """`choose` is the whole of it; the safety gate, not this, sees to the deadman and to limits."""

    def choose(self, pilot: Pilot, network: Command) -> Command:
        """The command of the pilot's mode. Raises UnknownName for a mode that does not exist."""
        mix = MIXES.get(pilot.mode)
        if mix is None:
            raise unknown("driving mode", pilot.mode, MIXES)
        return mix(pilot.command, network)
