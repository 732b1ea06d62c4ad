"""The data sets of one training: read, given aims, parted into training and validation; what is left out, and why."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim
from jetracer.data.formats.base import read
from jetracer.data.sample import Dataset, Note, Sample, renamed
from jetracer.data.split import Split, read_split, split
from jetracer.data.targets import Geometry, camera_of, delayed, with_aims
from jetracer.train.config import RoadConfig

CLICKED = "the set's own, clicked or filled in: x right, y down"


@dataclass(frozen=True)
class Sets:
    """Samples with aims on either side. `parted`: how, in words; `aims`: what they mean, for the model's card."""

    train: Tuple[Sample, ...]
    val: Tuple[Sample, ...]
    parted: str
    aims: str
    left_out: Tuple[Note, ...]


def gather(paths: Sequence[str], config: RoadConfig) -> Sets:
    """Read the sets at `paths`; each set's own split.json counts, the others are parted together by session.

    Driven steering, as it was `config.delay_s` later, becomes aims by the geometry of `config.camera`. Raises
    ConfigError when there is nothing to train on or no camera, DataError for what cannot be read.
    """
    sets = [read(path) for path in paths]
    left_out = [Note(f"{data.path}/{note.path}", note.why) for data in sets for note in data.skipped]
    labels = _labels(sets)
    sides: Dict[str, List[Sample]] = {"train": [], "val": [], "": []}
    for data, label in zip(sets, labels):
        samples = _usable(data, config.delay_s, left_out)
        for side, some in _as_written(data, samples, left_out).items():
            sides[side] += [_under(label, sample) for sample in some]
    everything = [sample for some in sides.values() for sample in some]
    geometry = _geometry(everything, config)
    parted = ["by split.json"] if sides["train"] or sides["val"] else []
    if sides[""]:
        fresh = split(sides[""], config.share)
        parted.append("by " + fresh.by)
        for side, some in zip(("train", "val"), fresh.apply(sides[""])):
            sides[side] += some
        known = {*fresh.train, *fresh.val}
        left_out += [Note(sample.name, "lies in the gap between training and validation")
                     for sample in sides[""] if sample.name not in known]
    train, val = (_aimed(sides[side], geometry, left_out) for side in ("train", "val"))
    return Sets(tuple(_no_copies(train, val, left_out)), tuple(val), " and ".join(parted),
                _meaning(everything, geometry), tuple(left_out))


def _labels(sets: Sequence[Dataset]) -> List[str]:
    """What to call each set in names; nothing where there is one."""
    if len(sets) == 1:
        return [""]
    names = [data.path.resolve().name for data in sets]
    return names if len(set(names)) == len(names) else [str(data.path) for data in sets]


def _under(label: str, sample: Sample) -> Sample:
    if not label:
        return sample
    return replace(renamed(sample, f"{label}/{sample.name}"), session=f"{label} {sample.session}".strip())


def _usable(data: Dataset, delay_s: float, left_out: List[Note]) -> List[Sample]:
    """The samples that say where to drive; commands are those of `delay_s` later."""
    data.check_category()
    clicked = [sample for sample in data.alive if sample.aim is not None]
    driven = [sample for sample in data.alive if sample.aim is None and sample.command is not None]
    left_out += [Note(f"{data.path}/{sample.name}", "nobody said where to drive")
                 for sample in data.alive if sample.aim is None and sample.command is None]
    shifted, lost = delayed(driven, delay_s)
    left_out += [Note(f"{data.path}/{note.path}", note.why) for note in lost]
    return clicked + shifted


def _as_written(data: Dataset, samples: List[Sample], left_out: List[Note]) -> Dict[str, List[Sample]]:
    """The samples on the sides that the set's split.json says; without one they are on neither yet."""
    written: Optional[Split] = read_split(data.path) if data.path.is_dir() else None
    if written is None:
        return {"": samples}
    train, val = written.apply(samples)
    known = {*written.train, *written.val}
    anew = f"is not in split.json; made anew by: jetracer data split {data.path}"
    left_out += [Note(f"{data.path}/{sample.name}", anew)
                 for sample in samples if sample.name not in known]
    return {"train": train, "val": val}


def _geometry(samples: Sequence[Sample], config: RoadConfig) -> Optional[Geometry]:
    """By what steering becomes aims; None: its number is the aim's x. Raises ConfigError for what makes no sense."""
    driven = sum(sample.aim is None for sample in samples)
    if not samples:
        raise ConfigError("No picture says where to drive; click some: jetracer data label SET")
    if config.delay_s and not driven:
        raise ConfigError("--delay-s shifts driven steering, but all of these pictures were clicked; leave it out.")
    if not driven or config.camera == "none":
        return None
    if not config.camera:
        raise ConfigError(f"{driven} pictures were driven, not clicked. Which camera took them? --camera FILE, as "
                          "`jetracer calibrate camera` wrote it, or sim; none, if nobody measured it: then the aim's x "
                          "is the steering itself, to drive with --control.name aim.")
    return Geometry(camera_of(config.camera), config.car, config.lookahead_m)


def _meaning(samples: Sequence[Sample], geometry: Optional[Geometry]) -> str:
    driven = sum(sample.aim is None for sample in samples)
    told = [CLICKED] if driven < len(samples) else []
    if driven and geometry is None:
        told.append("x is the steering that was driven, y is always 0: for --control.name aim")
    elif driven:
        told.append(f"the point {geometry.lookahead_m:g} m ahead on the arc that was driven")
    return "; or ".join(told)


def _aimed(samples: List[Sample], geometry: Optional[Geometry], left_out: List[Note]) -> List[Sample]:
    if geometry is None:
        return [sample if sample.aim else replace(sample, aim=Aim(sample.command.steering, 0.0)) for sample in samples]
    aimed = with_aims(samples, geometry)
    left_out += [Note(sample.name, "the camera does not see where it was driven")
                 for sample in aimed if sample.aim is None]
    return [sample for sample in aimed if sample.aim is not None]


def _no_copies(train: List[Sample], val: List[Sample], left_out: List[Note]) -> List[Sample]:
    """Training without exact copies of what validates, which would be known by heart."""
    seen = {_digest(sample): sample.name for sample in val}
    kept = []
    for sample in train:
        original = seen.get(_digest(sample))
        if original is None:
            kept.append(sample)
        else:
            left_out.append(Note(sample.name, f"is an exact copy of {original}, which validates"))
    return kept


def _digest(sample: Sample) -> bytes:
    return hashlib.blake2b(sample.picture.read(), digest_size=16).digest()
