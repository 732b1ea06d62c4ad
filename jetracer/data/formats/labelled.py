"""JetRacer's own labelled set: pictures in `images/` (or beside), and one `labels.csv` that any spreadsheet opens.

    file,x,y,steering,throttle,speed_mps,timestamp_ms,session,category,tags,deleted

One row a picture; whatever nobody said stays empty, columns may be missing or in any order. `x`, `y` is the aim
in [-1, 1]; `angle` is understood for `steering`; tags are apart by spaces; `deleted` is 1 or empty. Pictures
without a row are unlabelled samples; then all are in natural order. `--camera replay:FOLDER` plays such a set as it is.
"""
from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from jetracer.camera.recordings import natural_key
from jetracer.core.config import write_text
from jetracer.core.errors import DataError
from jetracer.core.types import Aim, Command
from jetracer.data.formats.base import Format, copy_picture
from jetracer.data.picture import find, is_picture_name
from jetracer.data.sample import Dataset, Note, Sample, number, renamed, share

LABELS = "labels.csv"
COLUMNS = ("file", "x", "y", "steering", "throttle", "speed_mps", "timestamp_ms", "session", "category", "tags",
           "deleted")
_SHARES, _NUMBERS = ("x", "y", "steering", "throttle"), ("speed_mps", "timestamp_ms")


class Labelled(Format):
    name = "labelled"
    needs = ()
    carries = frozenset(("aim", "command", "speed_mps", "t_s", "session", "category", "tags", "deleted"))

    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / LABELS).is_file()

    def read(self, root: Path) -> Dataset:
        """Also a plain folder of pictures without labels.csv: all of them unlabelled."""
        data = Dataset(root, self.name)
        seen: Set[str] = set()
        if (root / LABELS).is_file():
            for line, row in enumerate(_rows(data), 2):
                self._add(data, row, line, seen)
        unnamed = [name for name in _pictures(root) if name not in seen]
        for name in unnamed:
            self._add(data, {"file": name}, 0, seen)
        if unnamed:  # the order must not depend on which of them has a label already
            data.samples.sort(key=lambda sample: natural_key(sample.name))
        return data

    @staticmethod
    def _add(data: Dataset, row: Mapping[str, Any], line: int, seen: Set[str]) -> None:
        name = row.get("file") or ""
        if not name:
            data.skip(f"{LABELS} line {line}", "names no file")
            return
        if name in seen:
            data.skip(name, f"is in {LABELS} twice; the first row counts")
            return
        seen.add(name)
        sample, why = _label(row)
        picture, missing = find(data.path, name)
        if sample is None or picture is None:
            data.skip(name, why or missing)
            return
        if why:
            data.flag(name, why)
        data.samples.append(replace(sample, picture=picture))

    def write(self, samples: Sequence[Sample], root: Path) -> List[Note]:
        left_out, kept, taken = [], [], set()
        (root / "images").mkdir()
        for sample in samples:
            name = free_name(sample, taken)
            why = copy_picture(sample.picture, root / "images" / name)
            if why:
                left_out.append(Note(sample.name, why))
            else:
                taken.add(name)
                kept.append(renamed(sample, name))
        write_labels(kept, root)
        return left_out

    def set_deleted(self, root: Path, names: Set[str], deleted: bool) -> Set[str]:
        changed = [replace(sample, deleted=deleted) for sample in self.read(root).samples if sample.name in names]
        update_labels(changed, root)
        return {sample.name for sample in changed}


def write_labels(samples: Sequence[Sample], root: Path) -> None:
    """Write labels.csv anew, all of it or nothing."""
    write_text(root / LABELS, _csv_of(COLUMNS, map(_row, samples)))


def update_labels(samples: Sequence[Sample], root: Path) -> None:
    """Change or add the rows of these samples; every other row and column stays, whatever it says.

    All of it is on the disk when this returns, or nothing. Raises DataError when the file cannot be read whole.
    """
    fresh = {sample.name: _row(sample) for sample in samples}
    columns, rows = list(COLUMNS), []
    if (root / LABELS).is_file():
        data = Dataset(root, Labelled.name)
        rows = [{**row, **fresh.pop(row.get("file") or "", {})} for row in _rows(data)]
        if data.skipped:
            raise DataError(f"{root / LABELS} {data.skipped[0].why}; mend that line first, nothing was changed.")
        columns += [column for column in dict.fromkeys(chain(*rows)) if column and column not in columns]
    write_text(root / LABELS, _csv_of(columns, chain(rows, fresh.values())))


def _csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _row(sample: Sample) -> Dict[str, Any]:
    aim, command = sample.aim, sample.command
    return {
        "file": sample.name,
        "x": _text(aim and aim.x), "y": _text(aim and aim.y),
        "steering": _text(command and command.steering), "throttle": _text(command and command.throttle),
        "speed_mps": _text(sample.speed_mps),
        "timestamp_ms": "" if sample.t_s is None else round(1000.0 * sample.t_s),
        "session": sample.session, "category": sample.category, "tags": " ".join(sample.tags),
        "deleted": "1" if sample.deleted else "",
    }


def _text(value: Optional[float]) -> str:
    return "" if value is None else f"{value:.6g}"


def _label(row: Mapping[str, Any]) -> Tuple[Optional[Sample], str]:
    """What a row says, without its picture, and what is odd about it; None and why when it makes no sense."""
    told = {column: row.get(column) for column in (*_SHARES, *_NUMBERS)}
    told["steering"] = told["steering"] or row.get("angle")
    values = {column: (share if column in _SHARES else number)(text) for column, text in told.items()}
    for column, text in told.items():
        if text not in (None, "") and values[column] is None:
            return None, f"{column} {text!r} is not " + ("in [-1, 1]" if column in _SHARES else "a number")
    x, y, steering, throttle, t_ms = (values[name] for name in ("x", "y", "steering", "throttle", "timestamp_ms"))
    if (x is None) != (y is None):
        return None, "x without y, or y without x"
    if steering is None and throttle is not None:
        return None, "throttle without steering"
    lone = steering is not None and throttle is None
    return Sample(
        None, Aim(x, y) if x is not None else None,
        Command(steering, throttle or 0.0) if steering is not None else None,
        speed_mps=values["speed_mps"], t_s=t_ms if t_ms is None else t_ms / 1000.0,
        session=row.get("session") or "", category=row.get("category") or "",
        tags=tuple((row.get("tags") or "").split()), deleted=(row.get("deleted") or "").strip() == "1",
    ), "steering without throttle; taken as 0" if lone else ""


def _rows(data: Dataset) -> Iterator[Dict[str, Any]]:
    # "replace": one damaged byte must not cost the whole file
    with (data.path / LABELS).open(newline="", encoding="utf-8", errors="replace") as file:
        # older csv modules refuse NUL bytes, which a power cut leaves
        rows = csv.DictReader(line.replace("\0", "") for line in file)
        try:
            yield from rows
        except csv.Error as error:
            data.skip(f"{LABELS} line {rows.line_num}", f"cannot be read ({error}), nor what follows")


def _pictures(root: Path) -> List[str]:
    """Names of all pictures in images/, or in the folder itself, in natural order."""
    folder = root / "images" if (root / "images").is_dir() else root
    return sorted((name for name in os.listdir(str(folder)) if is_picture_name(name)), key=natural_key)


def free_name(sample: Sample, taken: Set[str]) -> str:
    """The picture's own name; with category or session before it where two sets use the same."""
    plain = Path(sample.name).name
    names = (re.sub(r"[^\w.-]", "_", f"{prefix}_{plain}")
             for prefix in chain((sample.category, sample.session), map(str, count(2))) if prefix)
    return next(name for name in chain((plain,), names) if name not in taken)
