"""What every format is read into and written from: samples, and notes about what was odd."""
from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim, Command, Detection
from jetracer.data.picture import Picture


@dataclass(frozen=True)
class Sample:
    """One picture and what is known about it; None where nobody said.

    `boxes`: None where nobody looked, () where there is nothing to see. `t_s`: seconds since 1970.
    `session`: pictures taken in one go; a split never tears one apart. `deleted`: out of use, can come back.
    """

    picture: Picture
    aim: Optional[Aim] = None
    command: Optional[Command] = None
    boxes: Optional[Tuple[Detection, ...]] = None
    speed_mps: Optional[float] = None
    t_s: Optional[float] = None
    session: str = ""
    category: str = ""
    tags: Tuple[str, ...] = ()
    deleted: bool = False

    @property
    def name(self) -> str:
        return self.picture.name

    @property
    def labelled(self) -> bool:
        return self.aim is not None or self.command is not None or self.boxes is not None


class Note(NamedTuple):
    """Something odd: `path` names the record within its set."""

    path: str
    why: str


@dataclass
class Dataset:
    """What `read` found. `skipped` could not be used; `flagged` is in use, but odd."""

    path: Path
    format: str
    samples: List[Sample] = field(default_factory=list)
    skipped: List[Note] = field(default_factory=list)
    flagged: List[Note] = field(default_factory=list)

    @property
    def alive(self) -> List[Sample]:
        """All but the deleted ones."""
        return [sample for sample in self.samples if not sample.deleted]

    def skip(self, path: str, why: str) -> None:
        self.skipped.append(Note(path, why))

    def flag(self, path: str, why: str) -> None:
        self.flagged.append(Note(path, why))

    def check_category(self) -> None:
        """Raises ConfigError when pictures of several categories lie here: a click in each means something else."""
        categories = sorted({sample.category for sample in self.alive})
        if len(categories) > 1:
            raise ConfigError(f"There are pictures in {', '.join(categories)} of {self.path}: give one of these "
                              "folders; each category means something else.")

    def summary(self) -> Dict[str, Any]:
        """JSON-ready: how many, and every oddity by name."""
        return {
            "path": str(self.path), "format": self.format, "records": len(self.alive),
            "deleted": len(self.samples) - len(self.alive),
            "skipped": [note._asdict() for note in self.skipped],
            "flagged": [note._asdict() for note in self.flagged],
        }


def aim_of_click(x_px: float, y_px: float, size: Tuple[int, int]) -> Tuple[Aim, str]:
    """NVIDIA's 2 * (px / size - 0.5), and why it is odd ("" when it is not).

    A click on the border counts (x = width is 1.0); one outside is pulled to it.
    """
    x, y = (2.0 * (px / of - 0.5) for px, of in zip((x_px, y_px), size))
    held = Aim(min(1.0, max(-1.0, x)), min(1.0, max(-1.0, y)))
    why = "" if held == Aim(x, y) else f"clicked outside of the picture ({x_px:g}, {y_px:g}); pulled to its border"
    return held, why


def click_of_aim(aim: Aim, size: Tuple[int, int]) -> Tuple[int, int]:
    """The click in whole pixels, 0 to width and 0 to height."""
    return round((aim.x + 1.0) / 2.0 * size[0]), round((aim.y + 1.0) / 2.0 * size[1])


def number(value: Any) -> Optional[float]:
    """`value` as a finite number, or None: texts, NaN, infinities and True are none."""
    if isinstance(value, bool):
        return None
    try:
        value = float(value)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def share(value: Any) -> Optional[float]:
    """`value` as a number in [-1, 1], or None."""
    value = number(value)
    return value if value is not None and -1.0 <= value <= 1.0 else None


def held_box(label: str, box: Tuple[Optional[float], ...], confidence: float = 1.0) -> Tuple[Optional[Detection], str]:
    """A box (left, top, right, bottom) in fractions of the picture, cut at its border; and why it is odd or no box."""
    if any(side is None for side in box):
        return None, "a box without four numbers"
    cut = tuple(min(1.0, max(0.0, side)) for side in box)
    if cut[2] <= cut[0] or cut[3] <= cut[1]:
        return None, "a box without an area in the picture"
    outside = max(abs(a - b) for a, b in zip(cut, box)) > 1e-3
    return Detection(label, confidence, cut), "a box reaches out of the picture; cut at its border" if outside else ""


def renamed(sample: Sample, name: str) -> Sample:
    """The same sample under another name within its set."""
    return replace(sample, picture=replace(sample.picture, name=name))
