"""NVIDIA JetRacer's interactive regression: `<category>/<x>_<y>_<uuid>.jpg`, the click in pixels of that picture.

The name is the label. Its uuid is of version 1 (RFC 4122), which tells when the picture was taken: so these sets
have sessions, too. A folder of one category alone is read as well.
"""
from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar, List, Optional, Pattern, Sequence, Tuple

from jetracer.data.formats.base import Format, copy_picture
from jetracer.data.picture import find, is_picture_name
from jetracer.data.sample import Dataset, Note, Sample, aim_of_click, click_of_aim
from jetracer.data.split import FILE as SPLIT

PAUSE_S = 300.0  # a longer one between two pictures is where one session ends and the next begins
_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=timezone.utc)
_1970 = datetime(1970, 1, 1, tzinfo=timezone.utc)
Size = Tuple[int, int]


class NvidiaXY(Format):
    name = "xy"
    needs = ("aim",)
    carries = frozenset(("t_s", "category"))
    pattern: ClassVar[Pattern] = re.compile(r"(-?\d+)_(-?\d+)_(.+)")
    wanted: ClassVar[str] = "<x>_<y>_<id>"

    @classmethod
    def recognise(cls, root: Path) -> bool:
        if not root.is_dir():
            return False
        folders = [root, *(entry for entry in root.iterdir() if entry.is_dir())]
        return any(cls.pattern.fullmatch(path.stem) and is_picture_name(path.name)
                   for folder in folders for path in folder.iterdir())

    def read(self, root: Path) -> Dataset:
        data = Dataset(root, self.name)
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root).as_posix()
            match = self.pattern.fullmatch(path.stem)
            if name == SPLIT:
                continue
            if not is_picture_name(path.name):
                data.skip(name, "not a picture")
            elif match is None:
                data.skip(name, f"the name is not {self.wanted}")
            else:
                self._add(data, name, match)
        data.samples = with_sessions(data.samples)
        return data

    def _add(self, data: Dataset, name: str, match) -> None:
        picture, why = find(data.path, name, ("",))
        size = picture.size() if picture else None
        if picture is None or size is None:
            data.skip(name, why or "not a picture")
            return
        aim, odd = aim_of_click(float(match[1]), float(match[2]), size)
        if odd:
            data.flag(name, odd)
        category = name.rpartition("/")[0]
        data.samples.append(Sample(picture, aim, t_s=time_of(match[3]), category=category))

    def write(self, samples: Sequence[Sample], root: Path) -> List[Note]:
        left_out = []
        for number, sample in enumerate(samples):
            size = sample.picture.size()
            why = "cannot be decoded"
            if size is not None:
                folder = root / self.folder(sample)
                folder.mkdir(parents=True, exist_ok=True)
                why = copy_picture(sample.picture, folder / f"{self.stem(click_of_aim(sample.aim, size))}_"
                                                            f"{_uuid_of(sample, number)}.jpg")
            if why:
                left_out.append(Note(sample.name, why))
        return left_out

    def folder(self, sample: Sample) -> str:
        return re.sub(r"[^\w./-]", "_", sample.category).strip("./") or "apex"

    def stem(self, click: Size) -> str:
        return "%d_%d" % click


def time_of(text: str) -> Optional[float]:
    """Seconds since 1970 that a uuid of version 1 was made at; None for any other text."""
    try:
        made = uuid.UUID(text)
    except ValueError:
        return None
    if made.version != 1:
        return None
    return (_UUID_EPOCH + timedelta(microseconds=made.time / 10) - _1970).total_seconds()


def _uuid_of(sample: Sample, number: int) -> uuid.UUID:
    """The uuid in the sample's own name if it has one, else one made of name and number, the same every time."""
    try:
        return uuid.UUID(Path(sample.name).stem[-36:])
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{sample.session}/{sample.name}/{number}")


def with_sessions(samples: Sequence[Sample]) -> List[Sample]:
    """The samples in order of time, each with its session: named after category and first minute (UTC)."""
    timed = sorted((sample for sample in samples if sample.t_s is not None),
                   key=lambda sample: (sample.category, sample.t_s))
    out: List[Sample] = []
    for sample in timed:
        before = out[-1] if out else None
        if before is None or before.category != sample.category or sample.t_s - before.t_s > PAUSE_S:
            begun = _1970 + timedelta(seconds=sample.t_s)
            session = f"{sample.category} {begun:%Y-%m-%d %H:%M}".strip()
        else:
            session = before.session
        out.append(replace(sample, session=session))
    return out + [sample for sample in samples if sample.t_s is None]
