"""What a quantised model was made of: kept beside it, and worth keeping in `calibration/int8`.

The same model, method and manifest give the same quantised files, without the frames unless it was repaired.
"""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, Iterable, Sequence, Tuple, Union

import numpy as np

from jetracer.core.config import write_text
from jetracer.core.errors import ConfigError, DataError
from jetracer.optimize.int8.table import Range, Table

FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """`frames`: what calibrated: count, sha256 of all pixels in order, how many of each stratum; and the repairs."""

    model: str  # the file's name
    model_sha256: str
    table: Table
    data: str = ""  # the data set, as it was named
    frames: Dict[str, Any] = field(default_factory=dict)
    keep: Tuple[str, ...] = ()  # nodes left in float
    command: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of all that decides the quantised files."""
        ranges = {name: list(one) for name, one in sorted(self.table.ranges.items())}
        repairs = self.frames.get("repairs")  # which look at the frames
        repaired = [repairs, self.frames.get("sha256")] if repairs else []
        text = json.dumps([FORMAT, self.model_sha256, ranges, sorted(self.keep), *repaired])
        return hashlib.sha256(text.encode()).hexdigest()

    def within(self, keep: Iterable[str], repairs: Sequence[str], table: Table, quiet: Iterable[str] = ()) -> Manifest:
        """Of the files as they became: these nodes in float, these repairs, ranges of least noise for `quiet`."""
        quiet = sorted({*self.frames.get("least_noise", []), *quiet})
        told = {**self.frames, "repairs": list(repairs), **({"least_noise": quiet} if quiet else {})}
        return replace(self, keep=tuple(sorted(keep)), table=table, frames=told)


def write_manifest(one: Manifest, path: Union[str, Path]) -> None:
    """Raises ConfigError when it cannot be written."""
    ranges = {name: list(found) for name, found in sorted(one.table.ranges.items())}
    told = {"format": FORMAT, "hash": one.hash, **{name: value for name, value in vars(one).items() if name != "table"},
            "method": one.table.method, "ranges": ranges}
    write_text(path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def read_manifest(path: Union[str, Path]) -> Manifest:
    """Raises ConfigError when there is none, DataError when it is damaged or was changed by hand."""
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        table = Table({name: Range(*pair) for name, pair in told.pop("ranges").items()}, told.pop("method"))
        kind, written = told.pop("format"), told.pop("hash")
        one = Manifest(**{**told, "table": table, "keep": tuple(told["keep"])})
    except OSError as error:
        raise ConfigError(f"The calibration {path} cannot be read ({error.strerror}); check the path.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no calibration of JetRacer's ({error!r}); calibrate anew.") from error
    if kind != FORMAT or written != one.hash:
        raise DataError(f"{path} was changed by hand or by another version of JetRacer: calibrate anew.")
    return one


def hash_of(pictures: Iterable[np.ndarray]) -> str:
    """SHA-256 of pictures, pixel by pixel, in order."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(str(picture.shape).encode())
        digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()
