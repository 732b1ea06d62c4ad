"""A recorded session: the steps of a drive, each with its picture.

    with Session.open("runs/20260101-120000") as session:
        for step in session:
            step.frame.image, step.pilot.command

A session is the row of its pictures. Turns of the loop without a picture of their own, and what the pilot threw away,
are not in it, but among its `moments`.
"""
from __future__ import annotations

import json
import logging
import os
from bisect import bisect_right
from collections import abc
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from jetracer.core.config import parse
from jetracer.core.errors import DataError
from jetracer.core.types import Step
from jetracer.data.messages import PICTURE, STEP, UNDO, RecordedFrame, decode_step, decode_undo
from jetracer.data.scan import Message, message_at, open_file, read_chunk, scan
from jetracer.data.writer import CARD, CONFIG, FACTS, Attachment

_log = logging.getLogger(__name__)


class Moment(NamedTuple):
    """A turn of the drive loop. `truth` is the simulated world's.

    `kept`: it is one of the session's own steps; `undone`: the pilot threw it away.
    """

    step: Step
    truth: Optional[SimpleNamespace]
    kept: bool
    undone: bool


class _Place(NamedTuple):
    """Where a step's message lies, and its picture's, or -1."""

    time_ns: int
    chunk: int
    at: int
    picture_at: int


class Session(abc.Sequence):
    """A sequence of `Step`; a picture is decoded when it is asked for.

    `damage` says what is wrong with a file that was not finished; what it holds can be read all the same.
    `undone` are the stretches (from, to) that the pilot threw away; `times` those of the steps, all as `Step.t_s`.
    """

    def __init__(self, path: Path, fd: int, with_undone: bool = False) -> None:
        self.path, self._fd = path, fd
        self.contents = scan(fd, path)
        self.damage = self.contents.damage
        self._data = lru_cache(maxsize=4)(self._read)
        self._zero_ns = int(self.facts.get("zero_ns", 0))
        self._places = list(self._find())
        marks = [decode_undo(message.data) for message in self._all(UNDO)]
        self.undone = tuple((self._seconds(mark.from_ns), self._seconds(mark.to_ns)) for mark in marks)
        self._thrown = {number for number, place in enumerate(self._places)
                        if any(mark.from_ns <= place.time_ns <= mark.to_ns for mark in marks)}
        self._kept = [number for number, place in enumerate(self._places)
                      if place.picture_at >= 0 and (with_undone or number not in self._thrown)]
        self.times = np.array([self._seconds(self._places[number].time_ns) for number in self._kept])

    @classmethod
    def open(cls, path: Union[str, Path], undone: bool = False) -> Session:
        """The session in a file or run folder; with `undone`, what the pilot threw away is in it too.

        One that was cut off, or is still being recorded, is read as far as it goes. Raises DataError.
        """
        place, fd = open_file(path)
        try:
            session = cls(place, fd, undone)
        except BaseException:
            os.close(fd)
            raise
        if session.damage:
            _log.warning("%s: %s", place, session.damage)
        return session

    def close(self) -> None:
        """Steps already taken keep the pictures that were looked at, and no others."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: Any) -> Any:
        """A step; with a slice, a list of steps."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._step(self._places[self._kept[index]])[0]

    def moments(self) -> Iterator[Moment]:
        """Every turn of the loop in order, those without a picture and those thrown away too."""
        kept = set(self._kept)
        for number, place in enumerate(self._places):
            yield Moment(*self._step(place), number in kept, number in self._thrown)

    def at(self, t_s: float) -> int:
        """The index of the newest step at `t_s`; of the first, before that."""
        return max(0, bisect_right(self.times, t_s) - 1)

    def gaps(self, longer_than_s: float = 0.5) -> List[Tuple[float, float]]:
        """Where no picture was kept for so long: (when it began, how long it was)."""
        long = np.flatnonzero(np.diff(self.times) > longer_than_s)
        return [(float(self.times[at]), float(self.times[at + 1] - self.times[at])) for at in long]

    @property
    def duration_s(self) -> float:
        """From the first step to the last, gaps included."""
        return float(self.times[-1] - self.times[0]) if len(self) else 0.0

    @property
    def facts(self) -> Mapping[str, str]:
        """What is known of the drive: `started` (ISO 8601, UTC), `version`, `road`, `model_sha256`, ..."""
        return self.contents.records.get(FACTS, {})

    @property
    def config(self) -> Dict[str, Any]:
        """The used configuration, nested as in the TOML file; `core.config.merge` makes a DriveConfig of it."""
        return parse(self._attached(CONFIG).decode(), f"the configuration in {self.path}")

    @property
    def card(self) -> Optional[Dict[str, Any]]:
        """The card of the model that drove or was ready to, None without one."""
        card = self._attached(CARD)
        return json.loads(card) if card else None

    def _attached(self, name: str) -> bytes:
        return self.contents.attachments.get(name, Attachment(name, "", b"")).content

    def _find(self) -> Iterator[_Place]:
        """The steps in order; a picture stands right before the step that it belongs to."""
        step, picture = self.contents.topics[STEP], self.contents.topics[PICTURE]
        for number, chunk in enumerate(self.contents.chunks):
            pictures = sorted(chunk.messages[picture]["at"].tolist()) if picture in chunk.messages else []
            taken = 0
            for time_ns, at in chunk.messages[step].tolist() if step in chunk.messages else []:
                own = taken < len(pictures) and pictures[taken] < at
                yield _Place(time_ns, number, at, pictures[taken] if own else -1)
                taken += own

    def _all(self, topic: str) -> Iterator[Message]:
        channel = self.contents.topics[topic]
        for number, chunk in enumerate(self.contents.chunks):
            for at in chunk.messages[channel]["at"].tolist() if channel in chunk.messages else []:
                yield message_at(self._data(number), at)

    def _step(self, place: _Place) -> Tuple[Step, Optional[SimpleNamespace]]:
        picture = partial(self._picture, place) if place.picture_at >= 0 else None
        return decode_step(message_at(self._data(place.chunk), place.at).data, partial(RecordedFrame, picture))

    def _picture(self, place: _Place) -> bytes:
        return message_at(self._data(place.chunk), place.picture_at).data

    def _read(self, number: int) -> bytes:
        if self._fd < 0:
            raise DataError(f"The session {self.path} is closed; look at its pictures before that.")
        try:
            return read_chunk(self._fd, self.contents.chunks[number])
        except DataError as error:
            raise DataError(f"{self.path}: {error}; mend it with: jetracer record --repair {self.path}") from error

    def _seconds(self, time_ns: int) -> float:
        return (time_ns - self._zero_ns) / 1e9
