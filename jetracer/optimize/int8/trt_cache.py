"""TensorRT's calibration cache, as its calibrators of 8.x to 10.x write and read it: one line per tensor.

    TRT-8201-EntropyCalibration2
    image: 3c010a14                  the scale, a float32 in hexadecimal, most significant byte first

A scale is the greatest value told apart, by 127; TensorRT 11 has no calibrators and takes Q/DQ instead.
"""
from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Union

from jetracer.core.config import write_text
from jetracer.core.errors import ConfigError, DataError
from jetracer.optimize.int8.table import Range, Table

HEADER = "TRT-8201-EntropyCalibration2"
MOST = 127
_HEAD = re.compile(r"TRT-\d+-\w+")
_LINE = re.compile(r"(.+): ([0-9a-fA-F]{1,8})")


def read_cache(path: Union[str, Path]) -> Table:
    """The table in a cache; symmetric, as TensorRT's scales are. Raises ConfigError, DataError naming the line."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The calibration cache {path} cannot be read ({error}); check the path.") from error
    if not lines or not _HEAD.fullmatch(lines[0].strip()):
        raise DataError(f"{path} is no calibration cache of TensorRT: its first line is not as {HEADER}.")
    ranges = {}
    for number, line in enumerate(lines[1:], 2):
        found = _LINE.fullmatch(line.strip())
        if line.strip() and not found:
            raise DataError(f"{path}, line {number}, is not as name: 3c010a14; write the cache anew.")
        if found:
            most = MOST * struct.unpack(">f", bytes.fromhex(found[2].zfill(8)))[0]
            if not 0.0 <= most < float("inf"):
                raise DataError(f"{path}, line {number}: {found[2]} is no scale; write the cache anew.")
            ranges[found[1]] = Range(-most, most)
    return Table(ranges, f"cache {lines[0].strip()}")


def write_cache(table: Table, path: Union[str, Path]) -> None:
    """Write a table as a cache; what lies nearer to zero at one end is lost, for a scale is symmetric."""
    lines = [f"{name}: {struct.pack('>f', one.most / MOST).hex()}" for name, one in sorted(table.ranges.items())]
    write_text(path, "\n".join([HEADER, *lines]) + "\n")
