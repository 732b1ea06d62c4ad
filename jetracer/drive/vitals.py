"""How the car is: its address in the network, its battery, its computer. The displays' and the doctor's one view."""
from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Any, NamedTuple, Optional, Tuple, Union

from jetracer.car.battery import Battery, BatteryConfig, Reading, open_battery, percent
from jetracer.car.computer import Computer
from jetracer.core.errors import ConfigError, GuardError
from jetracer.core.i2c import AUTO, open_bus
from jetracer.safety.client import GuardClient
from jetracer.safety.protocol import Status

_FAR_AWAY = ("192.0.2.1", 9)  # RFC 5737: for documents, never a real host


def network_address() -> str:
    """The address under which others find this machine; empty without a network. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_FAR_AWAY)  # only chooses a route
            return probe.getsockname()[0]
        except OSError:
            return ""


class Figures(NamedTuple):
    """What is known at a moment; NaN and empty where it is not. `cells`: 0 where no sensor was found."""

    guard: Optional[Status] = None  # None: no guard runs
    battery_v: float = math.nan
    battery_a: float = math.nan  # positive while it is charged
    cells: int = 0
    temperature_c: float = math.nan  # of the computer's hottest chip
    supply_w: float = math.nan  # what the computer draws
    held_back: Tuple[str, ...] = ()  # what slows the computer down

    @property
    def percent(self) -> float:
        return percent(self.battery_v / self.cells) if self.cells else math.nan


class CarView:
    """The guard's figures while one runs on `socket_path`; without one the sensors on `bus` are read here."""

    def __init__(self, socket_path: Union[str, Path], bus: str = AUTO, battery: Optional[BatteryConfig] = None,
                 root: Union[str, Path] = "/") -> None:
        self._client: Optional[GuardClient] = GuardClient(socket_path)
        self._computer = Computer(root)
        self._bus_name, self._config = bus, battery or BatteryConfig()
        self._bus: Optional[Any] = None
        self._battery: Optional[Battery] = None  # looked for once: the kernel logs every address that is silent

    def read(self) -> Figures:
        """Never fails; what cannot be read is not known. May take some milliseconds."""
        guard, computer = self.guard(), self._computer.read()
        if guard is not None:
            volts, amps, cells = guard.battery_v, guard.battery_a, guard.cells
        else:
            (volts, amps), cells = self._reading(), self._battery.cells if self._battery else 0
        return Figures(guard, volts, amps, cells, computer.temperature_c, computer.supply_mw / 1000, computer.held_back)

    def guard(self) -> Optional[Status]:
        """How the guard is, now; None when none runs."""
        if self._client is None:
            return None
        try:
            self._client.open()
            return self._client.status()
        except GuardError:
            return None

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
        bus, self._bus, self._battery = self._bus, None, None
        if bus is not None:
            bus.close()

    def _reading(self) -> Reading:
        """Of the sensor on a bus handle of this view's own."""
        try:
            if self._bus is None:
                self._bus = open_bus(self._bus_name)
                self._battery = open_battery(self._bus, self._config)
            return self._battery.read() if self._battery else Reading()
        except (OSError, ConfigError):
            return Reading()
