"""The I2C bus: the one wire between the drivers and the chips, real or simulated.

Everything above speaks smbus2's call surface (write_byte_data, read_i2c_block_data, ...).
"""
from __future__ import annotations

from typing import Any, Union

from jetracer.core.errors import BusError, ConfigError
from jetracer.core.registry import Registry

_VIRTUAL = Registry("virtual I2C bus", {"sim": "jetracer.sim.board:open_bus"})


def open_bus(spec: Union[int, str]) -> Any:
    """Open a bus: `1` or "1" is /dev/i2c-1, "sim:PATH" the virtual board kept in the file PATH.

    Raises BusError (no such bus, no permission) or ConfigError (the text is no bus).
    """
    text = str(spec)
    if ":" in text:
        kind, path = text.split(":", 1)
        return _VIRTUAL.get(kind)(path)
    if not text.isdigit():
        raise ConfigError(f"{text!r} is no I2C bus; give a number such as 1 (for /dev/i2c-1) or sim:PATH.")
    return _open_real(int(text))


def _open_real(number: int) -> Any:
    from smbus2 import SMBus

    device = f"/dev/i2c-{number}"
    try:
        return SMBus(number)
    except FileNotFoundError as error:
        raise BusError(f"{device} does not exist; enable I2C, or find the bus with: ls /dev/i2c-*") from error
    except PermissionError as error:
        raise BusError(
            f"No permission on {device}; run: sudo usermod -aG i2c $USER, then log in again."
        ) from error
