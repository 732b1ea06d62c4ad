"""Which pictures calibrate, and which, never the same, compare.

A drive is mostly straight ahead in one light. So that every bend, every light and every drive counts alike, pictures
are taken one after another, each of the kind that was taken least. Of a data set the part that validates (`split.json`,
else by session or time) is never calibrated with: neighbours in one drive are all but the same picture.
"""
from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from jetracer.core.errors import ConfigError, DataError
from jetracer.core.types import Aim
from jetracer.data.formats.base import read
from jetracer.data.sample import Sample
from jetracer.data.split import read_split, split
from jetracer.optimize.frames import PER_TRACK, simulated
from jetracer.sim.track import TRAINING_SEEDS, VALIDATION_SEEDS

SIM = "sim"  # the data set's name for simulated pictures
ENOUGH, LEAST = 1000, 500  # pictures to calibrate with: without a word; at all
COMPARED = 400  # pictures at most that compare
STEERING = (-0.6, -0.2, 0.2, 0.6)  # borders between the bins
LIGHT = (50, 90, 130, 170, 210)  # likewise of the mean of a picture's bytes
POOL = 4000  # pictures at most whose light is looked at


@dataclass(frozen=True)
class Frame:
    """A picture that is loaded when it is wanted; `aim` and `steering` where somebody said, the latter -1 to 1."""

    load: Callable[[], Optional[np.ndarray]]  # (H,W,3) uint8 BGR
    name: str
    session: str
    aim: Optional[Aim] = None
    steering: Optional[float] = None


@dataclass(frozen=True)
class Picked:
    """`strata`: how many of `frames` each kind has."""

    frames: Tuple[Frame, ...]
    source: str
    strata: Dict[str, int]

    def __len__(self) -> int:
        return len(self.frames)

    def pictures(self) -> Iterator[np.ndarray]:
        """One after another, (H,W,3) uint8 BGR."""
        for frame in self.frames:
            image = frame.load()
            if image is None:
                raise DataError(f"The picture {frame.name} can no longer be read; look at: jetracer data check SET")
            yield image

    def aims(self) -> np.ndarray:
        """(N,2), NaN where nobody knows."""
        return np.array([(frame.aim.x, frame.aim.y) if frame.aim else (np.nan, np.nan) for frame in self.frames])


class Pick(NamedTuple):
    calibrate: Picked
    compare: Picked  # others
    warning: str = ""


def pick(data: str, count: int = ENOUGH, force: bool = False) -> Pick:
    """Raises ConfigError when there are too few pictures.

    `data`: a data set that `jetracer data` reads, or `sim`.
    """
    if count < 1:
        raise ConfigError(f"--frames {count}: at least one picture is needed.")
    train, val = _simulated(count) if data == SIM else _recorded(data)
    chosen = balanced(train, count)
    if not chosen:
        raise ConfigError(f"{data} holds no picture that can be read; look at it: jetracer data check {data}")
    warning = enough(len(chosen), data, force)
    compared = balanced(val, COMPARED)
    source = "simulated pictures" if data == SIM else f"pictures of {data}"
    return Pick(*(Picked(tuple(some), source, strata(some)) for some in (chosen, compared)), warning)


def enough(count: int, data: str, force: bool) -> str:
    """A warning where there are few pictures. Raises ConfigError where there are too few and nobody insists."""
    if count >= ENOUGH:
        return ""
    told = f"{count} pictures calibrate, {ENOUGH} or more give ranges that can be relied on"
    if count < LEAST and not force:
        raise ConfigError(f"{told}; fewer than {LEAST} are refused: record more, calibrate with --data {SIM}, or "
                          "insist with --force.")
    return told


def balanced(frames: Sequence[Frame], count: int) -> List[Frame]:
    """`count` of the frames, every session, bin of steering and light as often as can be; the same ones every time."""
    order = sorted(frames, key=lambda frame: hashlib.sha256(f"{frame.session}/{frame.name}".encode()).digest())
    known = _codes([[frame.session, bend(frame)] for frame in order])
    pool = [order[at] for at in _least(known, max(POOL, count))]
    lit = [(frame, light(frame)) for frame in pool]
    lit = [(frame, bright) for frame, bright in lit if bright]
    codes = _codes([[frame.session, bend(frame), bright] for frame, bright in lit])
    return [lit[at][0] for at in _least(codes, count)]


def bend(frame: Frame) -> str:
    """Which bin of steering a frame is in."""
    steering = frame.aim.x if frame.aim is not None else frame.steering
    return "steering unknown" if steering is None else f"steering {np.searchsorted(STEERING, steering)}"


def light(frame: Frame) -> str:
    """Which bin of light a frame is in; empty when its picture cannot be read."""
    image = frame.load()
    return "" if image is None else f"light {np.searchsorted(LIGHT, image.mean())}"


def strata(frames: Sequence[Frame]) -> Dict[str, int]:
    """How many of each bin of steering and of each session; of many sessions only their number."""
    told = Counter(bend(frame) for frame in frames)
    sessions = Counter(f"session {frame.session}" for frame in frames)
    return {**dict(sorted(told.items())), **(sessions if len(sessions) <= 20 else {"sessions": len(sessions)})}


def _codes(rows: List[list]) -> np.ndarray:
    """(N, factors) whole numbers: the same value of a factor is the same number."""
    columns = [np.unique([str(value) for value in column], return_inverse=True)[1] for column in zip(*rows)]
    return np.stack(columns, axis=1) if columns else np.empty((0, 1), int)


def _least(codes: np.ndarray, count: int) -> List[int]:
    """Indices of `count` rows: again and again the first of those whose values were taken least so far."""
    if len(codes) <= count:
        return list(range(len(codes)))
    kinds = codes.max(axis=0) + 1
    taken = [np.zeros(number) for number in kinds]
    cost, chosen = np.zeros(len(codes)), []
    for _ in range(count):
        at = int(np.argmin(cost))
        chosen.append(at)
        for factor, number in enumerate(kinds):
            taken[factor][codes[at, factor]] += 1
            cost[codes[:, factor] == codes[at, factor]] += number
        cost[at] = np.inf
    return chosen


def _recorded(data: str) -> Tuple[List[Frame], List[Frame]]:
    found = read(data)
    samples = found.alive
    if len(samples) < 2:
        raise ConfigError(f"{data} holds {len(samples)} pictures; record or import more.")
    parted = (read_split(found.path) if found.path.is_dir() else None) or split(samples)
    train, val = parted.apply(samples)
    return [_frame(sample) for sample in train], [_frame(sample) for sample in val]


def _frame(sample: Sample) -> Frame:
    steering = sample.command.steering if sample.command is not None else None
    return Frame(sample.picture.image, sample.name, sample.session, sample.aim, steering)


def _simulated(count: int) -> Tuple[List[Frame], List[Frame]]:
    """Of training tracks, a quarter more than are wanted, to choose from; of validation tracks as many as compare."""
    wanted = count + count // 4
    return (drawn(wanted, TRAINING_SEEDS.stop - 1 - wanted // PER_TRACK),
            drawn(COMPARED, VALIDATION_SEEDS.stop - 1 - COMPARED // PER_TRACK))


def drawn(count: int, first_seed: int) -> List[Frame]:
    """Simulated pictures, 16 on a track, with the aims that are right."""
    pictures, aims, _ = simulated(count, first_seed)
    return [Frame(partial(np.asarray, picture), str(at), str(first_seed + at // PER_TRACK),
                  Aim(float(aim[0]), float(aim[1])) if np.isfinite(aim).all() else None)
            for at, (picture, aim) in enumerate(zip(pictures, aims))]
