"""Data-set formats: one class each, the same few verbs; chosen by name, or recognised by what lies in the folder."""
from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, FrozenSet, Iterator, List, Sequence, Set, Tuple, Union

import cv2

from jetracer.core.errors import ConfigError, DataError
from jetracer.core.registry import Registry
from jetracer.data.picture import JPEG, Picture
from jetracer.data.sample import Dataset, Note, Sample

FORMATS = Registry("data format", {
    "coco": "jetracer.data.formats.coco:Coco",
    "jetbot": "jetracer.data.formats.jetbot_xy:JetBotXY",
    "labelled": "jetracer.data.formats.labelled:Labelled",
    "session": "jetracer.data.formats.session:Recorded",
    "tub": "jetracer.data.formats.tub:Tub",
    "xy": "jetracer.data.formats.xy:NvidiaXY",
    "yolo": "jetracer.data.formats.yolo:Yolo",
})
# in this order: what names itself by a file first, what is known by names of pictures last
_RECOGNISED = ("session", "tub", "coco", "yolo", "labelled", "jetbot", "xy")
JPEG_QUALITY = 95  # of pictures that were not JPEG and have to become one


class Format(ABC):
    """`needs`: fields of a Sample of which one must be there; `carries`: what else of it survives."""

    name: ClassVar[str]
    needs: ClassVar[Tuple[str, ...]]
    carries: ClassVar[FrozenSet[str]] = frozenset()

    @staticmethod
    @abstractmethod
    def recognise(root: Path) -> bool:
        """Whether `root` looks like this format; reads no more than names and a first line."""

    @abstractmethod
    def read(self, root: Path) -> Dataset:
        """Every usable record; what is not is skipped by name, what is odd is flagged. Pictures are not decoded."""

    @abstractmethod
    def write(self, samples: Sequence[Sample], root: Path) -> List[Note]:
        """Write into the empty folder `root`; returns what could not be written. Use `write` of this module."""

    def set_deleted(self, root: Path, names: Set[str], deleted: bool) -> Set[str]:
        """Take the pictures `names` out of use, or back into it; returns those that were found."""
        raise ConfigError(f"A set of the format {self.name} cannot mark records as deleted; "
                          f"import it first: jetracer data import {root} FOLDER")


def recognised(root: Path) -> str:
    """The name of the format of the data set at `root`. Raises ConfigError when it is none."""
    if not root.exists():
        raise ConfigError(f"There is no data set {root}; check the path.")
    for name in _RECOGNISED:
        if FORMATS.get(name).recognise(root):
            return name
    inside = sorted(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    hint = f" It holds {', '.join(inside[:5])}: give one of these?" if inside else ""
    raise ConfigError(f"{root} is no data set that JetRacer knows ({', '.join(FORMATS.names)}).{hint}")


def read(path: Union[str, Path], format_name: str = "") -> Dataset:
    """The data set at `path`; its format is recognised unless given. Raises ConfigError, UnknownName."""
    root = Path(path).expanduser()
    kind = FORMATS.get(format_name or recognised(root))
    if not root.exists():
        raise ConfigError(f"There is no data set {root}; check the path.")
    return kind().read(root)


def write(samples: Sequence[Sample], path: Union[str, Path], format_name: str) -> List[Note]:
    """Write a new set, all of it or nothing; returns the samples left out and why. Raises ConfigError."""
    kind = FORMATS.get(format_name)()
    usable = [sample for sample in samples if _has_any(sample, kind.needs)]
    left_out = [Note(sample.name, f"has no {' or '.join(kind.needs)}, which {kind.name} is made of")
                for sample in samples if not _has_any(sample, kind.needs)]
    with new_folder(Path(path).expanduser()) as root:
        return left_out + kind.write(usable, root)


def _has_any(sample: Sample, fields: Tuple[str, ...]) -> bool:
    return not fields or any(getattr(sample, field) is not None for field in fields)


def not_carried(samples: Sequence[Sample], format_name: str) -> List[str]:
    """What these samples know and the format cannot hold, in words."""
    kind = FORMATS.get(format_name)
    told = []
    for field in ("aim", "command", "boxes", "speed_mps", "t_s", "session", "category", "tags", "deleted"):
        count = sum(getattr(sample, field) not in (None, "", (), False) for sample in samples)
        if count and field not in kind.carries and field not in kind.needs:
            told.append(f"{field} of {count} records")
    return told


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder that appears at `target` when all went well, and not at all when it did not."""
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise ConfigError(f"{target} is there already; name a new folder, nothing is ever overwritten.")
    part = target.with_name(target.name + ".part")
    shutil.rmtree(str(part), ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        if target.is_dir():
            target.rmdir()
        os.replace(str(part), str(target))
    except OSError as error:
        raise DataError(f"Cannot write {target} ({error.strerror or error}); choose another place.") from error
    finally:
        shutil.rmtree(str(part), ignore_errors=True)


def copy_picture(picture: Picture, target: Path) -> str:
    """Write the picture to `target` as recorded, as JPEG where the name wants one; returns why it failed, or ""."""
    try:
        data = picture.read()
    except (OSError, DataError) as error:
        return f"cannot be read: {error}"
    if target.suffix.lower() in (".jpg", ".jpeg") and not data.startswith(JPEG):
        image = picture.image()
        if image is None:
            return "cannot be decoded"
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    target.write_bytes(data)
    return ""
