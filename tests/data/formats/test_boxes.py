"""COCO and YOLO."""
import builtins
import json
from dataclasses import replace

import pytest

from jetracer.core.errors import ConfigError, DataError
from jetracer.core.types import Detection
from jetracer.data.formats.base import read, write
from tests.data.sets import jpeg, samples, why

CONE = Detection("cone", 1.0, (0.25, 0.25, 0.5, 0.75))


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_boxes_are_read_back(tmp_path, kind):
    pytest.importorskip("yaml", reason="YOLO's data.yaml needs PyYAML: pip install 'jetracer[data]'")
    before = samples(tmp_path / "from")
    before[2] = replace(before[2], boxes=(CONE, Detection("yellow car", 1.0, (0.0, 0.0, 1.0, 0.125))))
    before[3] = replace(before[3], boxes=())
    nobody_looked = samples(tmp_path / "more", 1, boxes=None)
    assert why(write(before + nobody_looked, tmp_path / "to", kind)) == {
        "0.jpg": f"has no boxes, which {kind} is made of"}
    after = read(tmp_path / "to")
    assert (after.format, after.skipped, after.flagged) == (kind, [], [])
    for a, b in zip(after.samples, before):
        assert a.picture.read() == b.picture.read()
        assert [box.label for box in a.boxes] == [box.label for box in b.boxes]
        for box, other in zip(a.boxes, b.boxes):
            assert box.box == pytest.approx(other.box, abs=1e-4)


def coco(root, **changes):
    jpeg(root / "images" / "a.jpg")  # 64 x 48
    content = {"images": [{"id": 5, "file_name": "a.jpg", "width": 64, "height": 48}],
               "categories": [{"id": 3, "name": "cone"}],
               "annotations": [{"id": 1, "image_id": 5, "category_id": 3, "bbox": [16, 12, 16, 24]}]}
    content.update(changes)
    (root / "annotations.json").write_text(json.dumps(content))


def test_coco_by_hand(tmp_path):
    coco(tmp_path)
    assert [s.boxes for s in read(tmp_path).samples] == [(CONE,)]
    assert [s.boxes for s in read(tmp_path / "annotations.json").samples] == [(CONE,)]


def test_odd_coco_is_told_by_name(tmp_path):
    box = {"image_id": 5, "category_id": 3, "bbox": [16, 12, 16, 24]}
    coco(tmp_path, annotations=[box, {**box, "bbox": [-8, 12, 40, 24]}, {**box, "bbox": [1, 1, 0, 5]},
                                {**box, "category_id": 9}, {**box, "bbox": ["a", 1, 2, float("nan")]},
                                {**box, "iscrowd": 1}, {**box, "image_id": 77}],
         images=[{"id": 5, "file_name": "a.jpg", "width": 64, "height": 48}, {"id": 6, "file_name": "gone.jpg"}, "x"])
    data = read(tmp_path)
    assert [len(s.boxes) for s in data.samples] == [2]
    assert data.samples[0].boxes[1].box == (0.0, 0.25, 0.5, 0.75)
    assert [note.why for note in data.flagged] == [
        "a box reaches out of the picture; cut at its border", "a box without an area in the picture; left out",
        "a box of the unknown category 9; left out", "a box without four numbers; left out",
        "a crowd, not one object; left out"]
    assert why(data.skipped) == {"gone.jpg": "there is no such file", "image None": "there is no such file",
                                 "image_id 77": "1 boxes of a picture that is not listed"}


def test_a_file_that_is_no_coco_is_one_clear_error(tmp_path):
    (tmp_path / "annotations.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        read(tmp_path)
    (tmp_path / "annotations.json").write_text("{}")
    with pytest.raises(DataError, match="is no COCO file"):
        read(tmp_path)


def yolo(root, text, names="classes.txt"):
    jpeg(root / "images" / "train" / "a.jpg")
    jpeg(root / "images" / "train" / "b.jpg")
    (root / "labels" / "train").mkdir(parents=True)
    (root / "labels" / "train" / "a.txt").write_text(text)
    (root / names).write_text("cone\ncar\n")


def test_yolo_by_hand(tmp_path):
    yolo(tmp_path, "0 0.375 0.5 0.25 0.5\n")
    looked_at, not_yet = read(tmp_path).samples
    assert (looked_at.boxes, looked_at.tags) == ((CONE,), ("train",))
    assert not_yet.boxes is None


def test_odd_yolo_is_told_by_name(tmp_path):
    yolo(tmp_path, "0 0.375 0.5 0.25 0.5\n9 0.5 0.5 0.1 0.1\n0 0.5 nan 0.1 0.1\n0 0.5\n0 0.0 0.5 0.5 0.5\n")
    (tmp_path / "images" / "train" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    data = read(tmp_path)
    assert data.samples[0].boxes == (CONE, Detection("cone", 1.0, (0.0, 0.25, 0.25, 0.75)))
    assert [note.why.partition(": ")[2] for note in data.flagged] == [
        "class 9 has no name; left out", "not five numbers (class, centre x, centre y, width, height); left out",
        "not five numbers (class, centre x, centre y, width, height); left out",
        "a box reaches out of the picture; cut at its border"]
    assert why(data.skipped) == {"train/torn.jpg": "torn: the JPEG has no end"}


def test_yolo_without_pyyaml_says_what_to_install(tmp_path, monkeypatch):
    yolo(tmp_path, "", "data.yaml")
    real = builtins.__import__

    def without_yaml(name, *rest):
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    with pytest.raises(ConfigError, match="pip install"):
        read(tmp_path)


def test_data_yaml_without_names_is_one_clear_error(tmp_path):
    pytest.importorskip("yaml", reason="YOLO's data.yaml needs PyYAML: pip install 'jetracer[data]'")
    yolo(tmp_path, "", "data.yaml")
    (tmp_path / "data.yaml").write_text("nc: 2\n")
    with pytest.raises(DataError, match="does not say the names"):
        read(tmp_path)
    (tmp_path / "data.yaml").write_text("names: {0: cone, 1: car}\n")
    assert len(read(tmp_path).samples) == 2
