"""Training and validation apart by session, written down beside the data: `split.json`.

Neighbouring pictures of one drive are all but the same, so a split by picture measures memory. Sessions are put in
an order that depends on their names and the seed alone; the first ones validate, until their share is reached.
Where that gives less than half or more than twice the share, as with a long session and a short one, or one alone, all
is split in time, with a gap that neither side gets.
"""
from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from jetracer.camera.recordings import natural_key
from jetracer.core.config import write_text
from jetracer.core.errors import ConfigError, DataError
from jetracer.data.sample import Sample

FILE = "split.json"
GAP_S, GAP_RECORDS = 1.0, 10  # between training and validation of one session


@dataclass(frozen=True)
class Split:
    """Names of pictures on either side. `by`: "session" or "time"."""

    by: str
    seed: int
    share: float
    train: Tuple[str, ...]
    val: Tuple[str, ...]

    def apply(self, samples: Sequence[Sample]) -> Tuple[List[Sample], List[Sample]]:
        """(training, validation); pictures that the split does not know are in neither."""
        train, val = set(self.train), set(self.val)
        return [s for s in samples if s.name in train], [s for s in samples if s.name in val]


def split(samples: Sequence[Sample], share: float = 0.2, seed: int = 0) -> Split:
    """The split of these samples; the same samples, share and seed give the same one. Raises ConfigError."""
    if not 0.0 < share < 1.0:
        raise ConfigError(f"share = {share}: the part that validates must lie between 0 and 1, such as 0.2.")
    if len(samples) < 2:
        raise ConfigError(f"{len(samples)} records cannot be split; record or import more.")
    sessions: Dict[str, List[str]] = {}
    for sample in samples:
        sessions.setdefault(sample.session, []).append(sample.name)
    wanted = share * len(samples)
    order = sorted(sessions, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    val = _first(order, [len(sessions[name]) for name in order], wanted)
    if not wanted / 2 <= sum(len(sessions[name]) for name in val) <= wanted * 2:
        return _in_time(samples, share, seed)
    names = {True: [], False: []}
    for sample in samples:
        names[sample.session in val].append(sample.name)
    return Split("session", seed, share, tuple(names[False]), tuple(names[True]))


def _first(order: Sequence[str], sizes: Sequence[int], wanted: float) -> set:
    """The first sessions, never all, whose records come nearest to `wanted`; none where there is but one."""
    totals = [sum(sizes[: count + 1]) for count in range(len(sizes) - 1)]
    if not totals:
        return set()
    count = min(range(len(totals)), key=lambda at: abs(totals[at] - wanted))
    return set(order[: count + 1])


def _in_time(samples: Sequence[Sample], share: float, seed: int) -> Split:
    """Session after session, the last ones and the end of one of them validate."""
    timed = all(sample.t_s is not None for sample in samples)
    begun: Dict[str, float] = {}
    for sample in samples:
        begun[sample.session] = min(begun.get(sample.session, math.inf), sample.t_s if timed else 0.0)
    ordered = sorted(samples, key=lambda s: (begun[s.session], natural_key(s.session),
                                             s.t_s if timed else natural_key(s.name)))
    start = min(len(ordered) - 1, max(1, round(len(ordered) * (1.0 - share))))
    first = ordered[start]
    train = [sample.name for at, sample in enumerate(ordered[:start]) if sample.session != first.session
             or (first.t_s - sample.t_s >= GAP_S if timed else start - at > GAP_RECORDS)]
    return Split("time", seed, share, tuple(train), tuple(sample.name for sample in ordered[start:]))


def write_split(one: Split, root: Path) -> Path:
    """Write it down beside the data; returns where."""
    write_text(root / FILE, json.dumps(asdict(one), indent=1) + "\n")
    return root / FILE


def read_split(root: Path) -> Optional[Split]:
    """The split written down for the data set at `root`, or None. Raises DataError when it is damaged."""
    path = root / FILE
    if not path.is_file():
        return None
    try:
        told: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Split(told["by"], told["seed"], told["share"], tuple(told["train"]), tuple(told["val"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r}); make it anew: jetracer data split {root}") from error
