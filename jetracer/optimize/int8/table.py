"""The calibration table: what range each tensor needs. One table serves both flavours of the quantised model."""
from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Iterable, Mapping, NamedTuple

from jetracer.core.errors import ModelError


class Range(NamedTuple):
    """From the lowest to the highest value that is to be told apart; what lies beyond is cut off."""

    low: float
    high: float

    @property
    def most(self) -> float:
        """The greatest distance from zero, which a symmetric scale has to reach."""
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True)
class Table:
    """`ranges`: tensor -> Range; `method`: how they were found, in words."""

    ranges: Mapping[str, Range]
    method: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ranges", MappingProxyType({name: Range(*map(float, one))
                                                             for name, one in self.ranges.items()}))

    def but(self, other: Table, tensors: Iterable[str]) -> Table:
        """With the `other` table's ranges for these tensors."""
        return Table({**self.ranges, **{name: other.ranges[name] for name in tensors}}, self.method)

    def check(self, tensors: Iterable[str]) -> None:
        """Raises ModelError when one of them has no range."""
        missing = [name for name in tensors if name not in self.ranges]
        if missing:
            raise ModelError(f"The calibration knows nothing of {len(missing)} tensors of the model (first "
                             f"{missing[0]!r}), so it is of another model: calibrate this one anew.")
