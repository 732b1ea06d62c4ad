"""The pack: which chip measures it, what it says, and how full that is."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional

from jetracer.car.ads1115 import Ads1115
from jetracer.car.ina219 import Ina219
from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown

AUTO, NONE = "auto", "none"
INA219, ADS1115 = "ina219", "ads1115"


class Fitted(NamedTuple):
    """What the kits have at an address: the chip, and the cells in series of the pack that comes with it."""

    sensor: str
    cells: int


FITTED: Dict[int, Fitted] = {0x41: Fitted(INA219, 3), 0x42: Fitted(INA219, 2), 0x48: Fitted(ADS1115, 3)}

NO_PACK_V = 1.0  # below it nothing is connected
MOST_CELL_V = 4.5  # above it the pack has more cells than was said, or the chip is none of these

# Rest voltage of a cell and its charge in percent, typical of an 18650 cell under a light load; good to about 10 %
_CHARGE = ((3.0, 0), (3.3, 7), (3.5, 18), (3.6, 30), (3.7, 47), (3.8, 62), (3.9, 74), (4.0, 85), (4.1, 93), (4.2, 100))


@dataclass(frozen=True)
class BatteryConfig:
    """What measures the pack. With `auto` a car without a sensor is no fault; one that was named is missed."""

    sensor: str = AUTO  # auto: whichever answers at 0x41, 0x42, 0x48; ina219, ads1115, none
    address: int = 0  # of the sensor; 0: where the kits have it
    cells: int = 0  # in series; 0: 2 with a sensor at 0x42, else 3
    shunt_ohm: float = 0.1  # ina219: the resistor that the current flows through
    divider: float = 4.0  # ads1115: volts of the pack for a volt on its input

    def __post_init__(self) -> None:
        names = (AUTO, INA219, ADS1115, NONE)
        if self.sensor not in names:
            raise unknown("battery sensor", self.sensor, names)
        if self.address and not 0x40 <= self.address <= 0x4F:
            raise ConfigError(f"A battery sensor has an address in 0x40..0x4f, not 0x{self.address:02x}.")
        if self.address and self.sensor == AUTO and self.address not in FITTED:
            raise ConfigError(f"Which sensor is at 0x{self.address:02x}? Say so: battery.sensor = ina219 or ads1115.")
        if not 0 <= self.cells <= 8:
            raise ConfigError(f"battery.cells = {self.cells} makes no sense; most cars have 2 or 3.")
        if not all(0 < value < math.inf for value in (self.shunt_ohm, self.divider)):
            raise ConfigError("battery.shunt_ohm and battery.divider must be numbers above 0.")


class Reading(NamedTuple):
    """Volts of the whole pack; amperes, positive while it is charged. NaN: not measured, or no pack there."""

    volts: float = math.nan
    amps: float = math.nan


class Battery:
    """A pack of `cells` in series, measured by a chip whose `read` gives volts and amperes."""

    def __init__(self, chip: Any, cells: int, name: str = "", address: int = 0) -> None:
        self.chip, self.cells, self.name, self.address = chip, cells, name, address

    def read(self) -> Reading:
        """A few hundred microseconds on the bus. Raises OSError when the chip does not answer."""
        volts, amps = self.chip.read()
        if not NO_PACK_V <= volts <= MOST_CELL_V * self.cells:
            return Reading()
        return Reading(volts, amps)


def open_battery(bus: Any, config: BatteryConfig) -> Optional[Battery]:
    """The sensor on an open bus, or None: there is none, or none was asked for. Writes nothing."""
    if bus is None or config.sensor == NONE:
        return None
    places = _places(config)
    there = [address for address in places if _answers(bus, address)]
    if not there and config.sensor == AUTO:
        return None
    address = (there or places)[0]
    usual = FITTED.get(address, Fitted(config.sensor, 3))
    sensor = usual.sensor if config.sensor == AUTO else config.sensor
    chip = Ina219(bus, address, config.shunt_ohm) if sensor == INA219 else Ads1115(bus, address, config.divider)
    return Battery(chip, config.cells or usual.cells, f"{sensor} at 0x{address:02x}", address)


def percent(cell_v: float) -> float:
    """How full a cell is, 0 to 100, by its voltage while little current flows; NaN for NaN."""
    if not math.isfinite(cell_v):
        return math.nan
    for (low_v, low), (high_v, high) in zip(_CHARGE, _CHARGE[1:]):
        if cell_v <= high_v:
            return max(0.0, low + (high - low) * (cell_v - low_v) / (high_v - low_v))
    return 100.0


def _places(config: BatteryConfig) -> List[int]:
    if config.address:
        return [config.address]
    return [address for address, fitted in FITTED.items() if config.sensor in (AUTO, fitted.sensor)]


def _answers(bus: Any, address: int) -> bool:
    try:
        bus.read_byte(address)
    except OSError:
        return False
    return True
