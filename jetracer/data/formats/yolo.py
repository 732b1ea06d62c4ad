"""Boxes as YOLO: `images/NAME.jpg` beside `labels/NAME.txt`, a line a box: class, centre x, y, width, height in [0, 1].

Class names stand in `data.yaml` (names), `classes.txt` or `obj.names`. Sub-folders such as images/train become
tags. A picture without a text file was never looked at; with an empty one there is nothing in it.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from jetracer.core.errors import ConfigError, DataError
from jetracer.core.types import Detection
from jetracer.data.formats.base import Format, copy_picture
from jetracer.data.formats.labelled import free_name
from jetracer.data.picture import find, is_picture_name
from jetracer.data.sample import Dataset, Note, Sample, held_box, number

ABOUT = "data.yaml"
_LISTS = ("classes.txt", "obj.names", "labels/classes.txt")


class Yolo(Format):
    name = "yolo"
    needs = ("boxes",)

    @staticmethod
    def recognise(root: Path) -> bool:
        return any((root / name).is_file() for name in (ABOUT, *_LISTS)) and (root / "images").is_dir()

    def read(self, root: Path) -> Dataset:
        """Raises DataError when the class names cannot be read, ConfigError when a package is missing."""
        names = _names(root)
        data = Dataset(root, self.name)
        folder = root / "images"
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            picture, why = find(root, name, ("images",)) if is_picture_name(name) else (None, "not a picture")
            if picture is None:
                data.skip(name, why)
                continue
            text = root / "labels" / Path(name).with_suffix(".txt")
            boxes = _boxes(data, name, text, names) if text.is_file() else None
            data.samples.append(Sample(picture, boxes=boxes, tags=Path(name).parts[:-1]))
        return data

    def write(self, samples: Sequence[Sample], root: Path) -> List[Note]:
        left_out: List[Note] = []
        names = sorted({box.label for sample in samples for box in sample.boxes})
        taken: set = set()
        for folder in ("images", "labels"):
            (root / folder).mkdir()
        for sample in samples:
            name = free_name(sample, taken)
            why = copy_picture(sample.picture, root / "images" / name)
            if why:
                left_out.append(Note(sample.name, why))
                continue
            taken.add(name)
            lines = [_line(box, names) for box in sample.boxes]
            (root / "labels" / Path(name).with_suffix(".txt")).write_text("".join(lines), encoding="utf-8")
        # JSON is YAML, and needs no package to write
        about = [f"path: .\ntrain: images\nval: images\nnc: {len(names)}\n", f"names: {json.dumps(names)}\n"]
        (root / ABOUT).write_text("".join(about), encoding="utf-8")
        return left_out


def _names(root: Path) -> Dict[int, str]:
    for name in _LISTS:
        if (root / name).is_file():
            return dict(enumerate((root / name).read_text(encoding="utf-8").split("\n")))
    try:
        import yaml
    except ImportError as error:
        raise ConfigError(f"{root / ABOUT} needs the package PyYAML; run: pip install 'jetracer[data]'") from error
    try:
        names = (yaml.safe_load((root / ABOUT).read_text(encoding="utf-8")) or {}).get("names")
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise DataError(f"{root / ABOUT} cannot be read: {error}.") from error
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise DataError(f"{root / ABOUT} does not say the names of the classes; add: names: [first, second]")
    return {int(at): str(name) for at, name in names.items()}


def _boxes(data: Dataset, name: str, path: Path, names: Dict[int, str]) -> Tuple[Detection, ...]:
    boxes = []
    for at, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if line.strip():
            box, odd = _box(line.split(), names)
            if odd:
                data.flag(name, f"line {at}: {odd}" + ("" if box else "; left out"))
            boxes.extend([box] if box else [])
    return tuple(boxes)


def _box(words: Sequence[str], names: Dict[int, str]) -> Tuple[Optional[Detection], str]:
    values: List[Any] = [number(word) for word in words]
    if len(values) not in (5, 6) or None in values:
        return None, "not five numbers (class, centre x, centre y, width, height)"
    if int(values[0]) not in names:
        return None, f"class {words[0]} has no name"
    x, y, width, height = values[1:5]
    sides = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return held_box(names[int(values[0])], sides, values[5] if len(values) == 6 else 1.0)


def _line(box: Detection, names: Sequence[str]) -> str:
    left, top, right, bottom = box.box
    middle = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return " ".join([str(names.index(box.label)), *(f"{value:.6f}" for value in middle)]) + "\n"
