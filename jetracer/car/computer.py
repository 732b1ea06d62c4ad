"""The computer on the car: how warm it is, what it draws, and what holds it back, from the files of its kernel.

A Jetson's own INA3221 measures its supply. Kernel 4.9 (JetPack 4) has it under `ina3221x` as an IIO device, newer
ones under `ina3221` as hwmon; `soctherm_oc` counts under-voltage (oc1) and over-current (oc2, oc3) on Orin.
Nothing here needs a Jetson: what is not there is not read.
"""
from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

from jetracer.core.device import Device

WATCH_S = 1.0  # between readings
SUPPLIES = ("POM_5V_IN", "VDD_IN")  # the whole computer: 5 V on Nano, Xavier NX, Orin Nano and NX, more on AGX
UNDER_V, NO_SUPPLY_V = 4.5, 1.0  # below 4.5 V the modules for 5 V throttle


class Rail(NamedTuple):
    """One supply as the INA3221 measures it."""

    name: str
    volts: float
    amps: float

    @property
    def milliwatts(self) -> float:
        return 1000.0 * self.volts * self.amps


class Vitals(NamedTuple):
    """`held_back`: what slows the computer at this moment, by name; `dips`: under-voltages counted so far."""

    temperature_c: float = math.nan  # of the hottest chip
    held_back: Tuple[str, ...] = ()
    dips: int = 0
    rails: Tuple[Rail, ...] = ()

    @property
    def supply_mw(self) -> float:
        """What the computer draws in all; NaN when its input is not measured."""
        return next((rail.milliwatts for rail in self.rails if rail.name in SUPPLIES), math.nan)


class Computer:
    """Finds its files under `root` once, then reads them; a read may take milliseconds."""

    def __init__(self, root: Union[str, Path] = "/") -> None:
        system = Path(root) / "sys"
        thermal = system / "class" / "thermal"
        zones = {path.parent: _text(path) for path in sorted(thermal.glob("thermal_zone*/type"))}
        # the power chip's zone is a constant 100 C on Nano and TX2
        self._zones = [path / "temp" for path, kind in zones.items() if not kind.startswith("PMIC")]
        kinds = {path.parent: _text(path) for path in sorted(thermal.glob("cooling_device*/type"))}
        self._alerts = {kind: path / "cur_state" for path, kind in kinds.items() if kind.endswith("-alert")}
        self._rails = _rails(system / "bus" / "i2c" / "drivers")
        self._alarms = sorted((system / "bus/i2c/drivers/ina3221").glob("*/hwmon/hwmon*/curr[123]_crit_alarm"))
        chips = (system / "class" / "hwmon").glob("hwmon*/name")
        counters = [path.parent for path in chips if _text(path) == "soctherm_oc"]
        self._dips = [path / "oc1_event_cnt" for path in counters]
        self._over_currents = [path / f"oc{number}_event_cnt" for path in counters for number in (2, 3)]
        self._under, self._own_dips = False, 0
        self._over_current: Optional[float] = None

    def read(self) -> Vitals:
        rails = tuple(Rail(name, _number(volts) / 1000, _number(amps) / 1000) for name, volts, amps in self._rails)
        held_back = [kind for kind, path in self._alerts.items() if _number(path) > 0]
        if self._over_current_now():
            held_back.append("over-current")
        self._count_own_dips(rails)
        warmest = max(filter(math.isfinite, map(_number, self._zones)), default=math.nan) / 1000
        dips = self._own_dips + sum(int(count) for count in map(_number, self._dips) if math.isfinite(count))
        return Vitals(warmest, tuple(held_back), dips, rails)

    def _over_current_now(self) -> bool:
        """An alarm is on, or one of Orin's counters has moved since the last reading."""
        before, self._over_current = self._over_current, sum(map(_number, self._over_currents))
        return any(_number(path) > 0 for path in self._alarms) or (before is not None and self._over_current > before)

    def _count_own_dips(self, rails: Tuple[Rail, ...]) -> None:
        """Where no counter exists: how often the input has been seen below what it needs."""
        supply_v = next((rail.volts for rail in rails if rail.name in SUPPLIES), math.nan)
        under = NO_SUPPLY_V < supply_v < UNDER_V
        self._own_dips += under and not self._under
        self._under = under


class ComputerWatch(Device):
    """Reads a Computer once a second, in a thread: sensors behind a firmware or a bus of their own take their time.

    `newest` is what was last read, None before; when a read hangs it stays as it was.
    """

    def __init__(self, computer: Computer) -> None:
        self.newest: Optional[Vitals] = None
        self._computer = computer
        self._ended = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def open(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="computer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ends with the next reading; one that hangs ends with the process."""
        self._ended.set()

    def _work(self) -> None:
        while not self._ended.is_set():
            self.newest = self._computer.read()
            self._ended.wait(WATCH_S)


def _rails(drivers: Path) -> List[Tuple[str, Path, Path]]:
    """(name, file of its millivolts, file of its milliamperes) of every channel that has a name."""
    found: Dict[Path, Tuple[Path, Path]] = {}
    for name in drivers.glob("ina3221x/*/iio:device*/rail_name_[0-9]"):
        channel = name.name[-1]
        found[name] = name.with_name(f"in_voltage{channel}_input"), name.with_name(f"in_current{channel}_input")
    for name in drivers.glob("ina3221/*/hwmon/hwmon*/in[1-3]_label"):  # further ones are voltages of shunts
        channel = name.name[2]
        found[name] = name.with_name(f"in{channel}_input"), name.with_name(f"curr{channel}_input")
    return [(_text(name), *found[name]) for name in sorted(found) if _text(name) not in ("", "NC")]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float:
    """NaN for what cannot be read: a zone that is switched off answers with an error."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return math.nan
