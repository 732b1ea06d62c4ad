"""The I2C bus: the one wire between the drivers and the chips, real or simulated.

Everything above speaks smbus2's call surface (write_byte_data, read_i2c_block_data, ...).
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Union

from jetracer.core.errors import BusError, ConfigError
from jetracer.core.registry import Registry

AUTO = "auto"
# the bus on pins 3 and 5 of the 40-pin header, by the board's name in the device tree; on all others, Nano, TX2 and
# Raspberry Pi among them, it is 1. Source: the pin tables of github.com/adafruit/Adafruit_Blinka,
# src/adafruit_blinka/microcontroller/tegra/t*/pin.py. "Jetson-AGX" is what the AGX Xavier calls itself.
_HEADER_BUS = (("Orin", "7"), ("Xavier", "8"), ("Jetson-AGX", "8"))
_VIRTUAL = Registry("virtual I2C bus", {"sim": "jetracer.sim.board:open_bus"})


def header_bus(board: str) -> str:
    """The number of the bus on pins 3 and 5, by the board's name."""
    return next((number for name, number in _HEADER_BUS if name in board), "1")


def which_bus(spec: Union[int, str], root: Union[str, Path] = "/") -> str:
    """`spec`, or for "auto" the header's bus of this board."""
    if spec != AUTO:
        return str(spec)
    try:
        board = (Path(root) / "proc/device-tree/model").read_text(encoding="utf-8", errors="replace")
    except OSError:
        board = ""
    return header_bus(board)


def open_bus(spec: Union[int, str]) -> Any:
    """Open a bus: `1` or "1" is /dev/i2c-1, "auto" the header's, "sim:PATH" the virtual board kept in the file PATH.

    Raises BusError (no such bus, no permission) or ConfigError (the text is no bus).
    """
    text = which_bus(spec)
    if ":" in text:
        kind, path = text.split(":", 1)
        return _VIRTUAL.get(kind)(path)
    if not text.isdigit():
        raise ConfigError(f"{text!r} is no I2C bus; give a number such as 1 (for /dev/i2c-1), auto, or sim:PATH.")
    return _open_real(int(text))


def _open_real(number: int) -> Any:
    from smbus2 import SMBus

    device = f"/dev/i2c-{number}"
    try:
        return SMBus(number)
    except FileNotFoundError as error:
        raise BusError(f"{device} does not exist; find the car's bus with: ls /dev/i2c-* (a car in simulation: "
                       "jetracer drive --sim)") from error
    except PermissionError as error:
        raise BusError(
            f"No permission on {device}; run: sudo usermod -aG i2c $USER, then log in again."
        ) from error
