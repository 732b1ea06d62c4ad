"""Boxes as COCO: one JSON file with images, annotations (bbox = left, top, width, height in px) and categories.

Read: `annotations.json`, Roboflow's `_annotations.coco.json`, FiftyOne's `labels.json`, COCO's own
`annotations/*.json`, or the JSON file itself; pictures in `images/`, `data/` or beside. Crowds are flagged.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from jetracer.core.errors import DataError
from jetracer.core.types import Detection
from jetracer.data.formats.base import Format, copy_picture
from jetracer.data.formats.labelled import free_name
from jetracer.data.picture import find
from jetracer.data.sample import Dataset, Note, Sample, held_box, number

FILE = "annotations.json"
_PLACES = (FILE, "_annotations.coco.json", "labels.json", "annotations/*.json")
_PICTURES = ("images", "data", "", "..", "../images")


class Coco(Format):
    name = "coco"
    needs = ("boxes",)

    @staticmethod
    def recognise(root: Path) -> bool:
        return _file_of(root) is not None

    def read(self, root: Path) -> Dataset:
        """Raises DataError when the file is no COCO."""
        file = _file_of(root)
        if file is None:
            raise DataError(f"{root} holds no COCO file ({', '.join(_PLACES)}).")
        content = _content(file)
        folder = root if root.is_dir() else root.parent
        data = Dataset(root, self.name)
        classes = {entry["id"]: str(entry["name"]) for entry in content["categories"]
                   if isinstance(entry, dict) and "id" in entry and "name" in entry}
        boxes_of: Dict[Any, List[Dict[str, Any]]] = {}
        for entry in content["annotations"]:
            if isinstance(entry, dict):
                boxes_of.setdefault(entry.get("image_id"), []).append(entry)
        for entry in content["images"]:
            _add(data, folder, entry if isinstance(entry, dict) else {}, boxes_of, classes)
        for image_id, entries in boxes_of.items():
            data.skip(f"image_id {image_id}", f"{len(entries)} boxes of a picture that is not listed")
        return data

    def write(self, samples: Sequence[Sample], root: Path) -> List[Note]:
        left_out, images, annotations = [], [], []
        classes = sorted({box.label for sample in samples for box in sample.boxes})
        taken: set = set()
        (root / "images").mkdir()
        for sample in samples:
            name, size = free_name(sample, taken), sample.picture.size()
            why = copy_picture(sample.picture, root / "images" / name) if size else "cannot be decoded"
            if why:
                left_out.append(Note(sample.name, why))
                continue
            taken.add(name)
            images.append({"id": len(images) + 1, "file_name": name, "width": size[0], "height": size[1]})
            for box in sample.boxes:
                entry = _annotation(box, size, classes)
                annotations.append({"id": len(annotations) + 1, "image_id": len(images), **entry})
        categories = [{"id": at + 1, "name": label} for at, label in enumerate(classes)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return left_out


def _file_of(root: Path) -> Optional[Path]:
    if root.is_file():
        return root if root.suffix == ".json" else None
    found = (path for place in _PLACES for path in sorted(root.glob(place)))
    return next(found, None)


def _content(file: Path) -> Dict[str, List[Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as JSON: {error}.") from error
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        raise DataError(f"{file} is no COCO file: it needs the lists {', '.join(keys)}.")
    return content


def _add(data: Dataset, folder: Path, entry: Dict[str, Any], boxes_of: Dict[Any, List[Dict[str, Any]]],
         classes: Dict[Any, str]) -> None:
    name = str(entry.get("file_name") or f"image {entry.get('id')}")
    raw = boxes_of.pop(entry.get("id"), [])
    picture, why = find(folder, name, _PICTURES)
    size = picture and picture.size()
    if not picture or not size:
        data.skip(name, why or "cannot be decoded")
        return
    told = (number(entry.get("width")), number(entry.get("height")))
    if None not in told and told != size:
        data.flag(name, f"is {size[0]}x{size[1]}, not {told[0]:g}x{told[1]:g} as told; boxes are taken in told pixels")
    scale = told if None not in told and min(told) > 0 else size
    boxes = []
    for one in raw:
        box, odd = _box(one, scale, classes)
        if odd:
            data.flag(name, odd if box else f"{odd}; left out")
        if box:
            boxes.append(box)
    data.samples.append(Sample(picture, boxes=tuple(boxes)))


def _box(entry: Dict[str, Any], size: Tuple[float, float], classes: Dict[Any, str]) -> Tuple[Optional[Detection], str]:
    if entry.get("category_id") not in classes:
        return None, f"a box of the unknown category {entry.get('category_id')!r}"
    if entry.get("iscrowd"):
        return None, "a crowd, not one object"
    raw = entry.get("bbox")
    left, top, width, height = map(number, raw) if isinstance(raw, list) and len(raw) == 4 else [None] * 4
    if None in (left, top, width, height):
        return None, "a box without four numbers"
    sides = (left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1])
    return held_box(classes[entry["category_id"]], sides)


def _annotation(box: Detection, size: Tuple[int, int], classes: Sequence[str]) -> Dict[str, Any]:
    left, top, right, bottom = (round(side * size[at % 2], 3) for at, side in enumerate(box.box))
    width, height = round(right - left, 3), round(bottom - top, 3)
    return {"category_id": classes.index(box.label) + 1, "bbox": [left, top, width, height],
            "area": round(width * height, 3), "iscrowd": 0}
