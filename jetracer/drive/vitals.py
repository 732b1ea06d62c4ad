"""How the computer on the car is: its address in the network, its temperature, what its guard measures."""
from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Optional, Union

from jetracer.core.errors import GuardError
from jetracer.safety.client import GuardClient

_FAR_AWAY = ("192.0.2.1", 9)  # RFC 5737: for documents, never a real host


def network_address() -> str:
    """The address under which others find this machine; empty without a network. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_FAR_AWAY)  # only chooses a route
            return probe.getsockname()[0]
        except OSError:
            return ""


def hottest_c(folder: Union[str, Path] = "/sys/class/thermal") -> float:
    """The hottest thermal zone, degrees Celsius; NaN where none can be read."""
    found = [_zone_c(path) for path in Path(folder).glob("thermal_zone*/temp")]
    return max((value for value in found if math.isfinite(value)), default=math.nan)


def _zone_c(path: Path) -> float:
    try:
        return int(path.read_text()) / 1000.0
    except (OSError, ValueError):  # a zone that is switched off answers with an error
        return math.nan


class GuardVolts:
    """The battery's volts as the guard judges by them, asked over a connection of its own."""

    def __init__(self, socket_path: Union[str, Path]) -> None:
        self._client: Optional[GuardClient] = GuardClient(socket_path)

    def __call__(self) -> float:
        """NaN when nothing is measured, or the guard has ended."""
        if self._client is None:
            return math.nan
        try:
            self._client.open()
            return self._client.status().battery_v
        except GuardError:
            return math.nan

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
