"""Which kit is on the bus, and the evidence. Only reads: one byte from each address that a kit may have."""
from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

from jetracer.car.battery import FITTED
from jetracer.core.errors import BusError, ConfigError
from jetracer.core.i2c import open_bus, which_bus

SERVO, MOTORS, ALL_CALL = 0x40, 0x60, 0x70
CHIPS = {
    SERVO: "a PCA9685: the servo, and the ESC where there is one",
    MOTORS: "a second PCA9685: DC motors, which only the Waveshare AI Kit has",
    **{address: f"an {fitted.sensor.upper()}: the battery sensor of boards for {fitted.cells} cells"
       for address, fitted in FITTED.items()},
    0x3C: "an SSD1306: the display",
    0x3D: "an SSD1306: the display of 64x48 pixels that JetBots have",
    ALL_CALL: "the address to which every PCA9685 answers after power-on: not a chip of its own",
}
ANSWERS, HELD = "answers", "is held by a driver of the kernel"
ONE_CHIP = ("nvidia-jetracer", "nvidia-latrax", "waveshare-pro", "donkey")  # on the bus they look alike


@dataclass(frozen=True)
class Found:
    """`kit` is None where the bus cannot tell; then `candidates` has more than one name, or none at all."""

    kit: Optional[str]
    candidates: Tuple[str, ...]
    evidence: Tuple[str, ...]
    chips: Mapping[int, str] = field(default_factory=dict)  # address: ANSWERS or HELD


def detect(bus: Any, virtual: bool = False) -> Found:
    """Look at an open bus, `virtual` when it is a simulated board's. Raises BusError when the bus hangs."""
    found = {address: _answers(bus, address) for address in CHIPS}
    there = {address: how for address, how in found.items() if how}
    evidence = [f"0x{address:02x} {found[address]}: {CHIPS[address]}." for address in there]
    kit, candidates, why = _judge(found, virtual)
    return Found(kit, candidates, (*evidence, *why), there)


def detect_on(spec: str) -> Found:
    """Look at a bus by name, as `core.i2c.open_bus` takes it. Raises BusError or ConfigError."""
    bus = open_bus(spec)
    try:
        return detect(bus, virtual=spec.startswith("sim:"))
    finally:
        bus.close()


def kit_on(spec: str) -> str:
    """The one kit that a bus shows. Raises ConfigError where it cannot tell, BusError where there is no car."""
    found, bus = detect_on(spec), which_bus(spec)
    if found.kit:
        return found.kit
    if not found.candidates:
        raise BusError(f"No car on bus {bus}: {found.evidence[-1]} See: jetracer kits")
    raise ConfigError(f"Which kit is it? On bus {bus} {', '.join(found.candidates)} look alike; name yours with "
                      "--kit NAME. See: jetracer kits")


def _judge(found: Any, virtual: bool) -> Tuple[Optional[str], Tuple[str, ...], Tuple[str, ...]]:
    """(kit, candidates, what follows from the chips)."""
    if found[SERVO] and found[MOTORS]:
        return "waveshare-ai", ("waveshare-ai",), ("Servo and DC motors have a chip each: the AI Kit.",)
    if found[MOTORS]:
        return None, (), (
            "0x40 does not answer: motors without a servo (a JetBot?), or the servo's chip is loose.",
        )
    if not found[SERVO]:
        return None, (), ("0x40 does not answer: no PCA9685, so no car; check power and wires.",)
    nothing = "0x60 does not answer: no DC motors, so an ESC drives the car."
    if virtual:
        return "simulated", ("simulated",), (nothing, "The bus is a virtual board: the simulated car.")
    alike = "NVIDIA's, Donkey cars and Waveshare's Pro have just this one chip: the bus cannot tell which."
    return None, ONE_CHIP, (nothing, alike)


def _answers(bus: Any, address: int) -> str:
    """How the chip shows, in words; empty when it does not."""
    try:
        bus.read_byte(address)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return HELD
        if error.errno == errno.ETIMEDOUT:
            raise BusError(
                "The I2C bus hangs (a chip holds the line down); switch the car off and on, check its wires."
            ) from error
        return ""
    return ANSWERS
