import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from jetracer.core.types import Aim, Command
from jetracer.data.check import check, histogram, outliers
from jetracer.data.look import Look, near_copies
from jetracer.data.picture import Picture
from jetracer.data.sample import Dataset, Sample
from jetracer.data.split import Split, write_split
from tests.data.sets import REAL, image, jpeg


def at(path, **fields):
    return Sample(Picture(path.name, path), **fields)


def scene(seed):
    """Broad patches with a fine grain, as a floor has."""
    grain = np.random.default_rng(seed).integers(-12, 13, (120, 160, 1))
    return np.clip(image(seed, (160, 120)) + grain, 0, 255).astype(np.uint8)


def write(path, pixels, quality=95):
    assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return path


@pytest.fixture
def folder(tmp_path):
    """Ten different pictures; an exact copy, one saved anew, a blank, a blurred and a torn one."""
    for number in range(10):
        write(tmp_path / f"{number}.jpg", scene(number))
    (tmp_path / "copy.jpg").write_bytes((tmp_path / "3.jpg").read_bytes())
    write(tmp_path / "anew.jpg", scene(5), 85)
    write(tmp_path / "blank.jpg", np.full((120, 160, 3), 9, np.uint8))
    write(tmp_path / "blurred.jpg", cv2.GaussianBlur(scene(99), (0, 0), 3))
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff" + b"x" * 200 + b"\xff\xd9")
    return tmp_path


def dataset(folder, **fields):
    return Dataset(folder, "labelled", [at(path, **fields) for path in sorted(folder.glob("*.jpg"))])


def test_everything_odd_is_named(folder):
    result = check(dataset(folder))
    assert result["records"] == 14
    assert result["duplicates"] == [["3.jpg", "copy.jpg"]]
    assert result["near_duplicates"] == [["5.jpg", "anew.jpg"]]
    assert result["blank"] == ["blank.jpg"]
    assert result["blurred"] == ["blurred.jpg"]
    assert result["skipped"] == [{"path": "torn.jpg", "why": "cannot be decoded"}]
    assert result["sizes"] == ["160x120"]
    assert json.loads(json.dumps(result)) == result


def test_deleted_records_are_not_looked_at(folder):
    data = dataset(folder)
    data.samples = [replace(s, deleted=s.name in ("copy.jpg", "torn.jpg")) for s in data.samples]
    result = check(data)
    assert (result["records"], result["deleted"], result["duplicates"]) == (13, 2, [])


def test_training_and_validation_must_not_look_alike(folder):
    names = [path.name for path in sorted(folder.glob("*.jpg"))]
    write_split(Split("session", 0, 0.2, tuple(n for n in names if n not in ("0.jpg", "3.jpg")), ("0.jpg", "3.jpg")),
                folder)
    result = check(dataset(folder, session="monday"))
    assert result["leaks"]["pictures"] == [["3.jpg", "copy.jpg"]]
    assert result["leaks"]["sessions"] == ["monday"]
    assert any("too good to be true" in line for line in result["advice"])


def test_the_balance_of_left_and_right():
    samples = [Sample(None, command=Command(value)) for value in [-0.5] * 9 + [0.0] * 5 + [0.5]]
    counted = histogram(samples)
    assert (counted["left"], counted["straight"], counted["right"]) == (9, 5, 1)
    assert sum(counted["counts"]) == 15
    assert histogram([Sample(None)]) is None


def test_a_lopsided_set_is_told_to_be(tmp_path):
    for number in range(12):
        jpeg(tmp_path / f"{number}.jpg", number)
    advice = check(dataset(tmp_path, aim=Aim(-0.5, 0.0)))["advice"]
    assert any(line.startswith("100% of the bends go left") for line in advice)


def named(number, **fields):
    return Sample(Picture(f"{number}.jpg"), **fields)


def test_a_label_that_jumps_out_of_its_drive_is_found_and_a_bend_is_not():
    steerings = [0.0] * 5 + [0.9] + [0.0] * 5 + [0.6] * 5
    samples = [named(n, command=Command(value), t_s=n / 20, session="a") for n, value in enumerate(steerings)]
    assert [entry["path"] for entry in outliers(samples)] == ["5.jpg"]
    assert outliers([replace(s, session=f"{n % 3}", t_s=n) for n, s in enumerate(samples)]) == []


def test_an_aim_far_from_all_others_is_found_and_a_habit_is_not():
    rng = np.random.default_rng(0)
    usual = [named(n, aim=Aim(float(x), 0.1 + float(y))) for n, (x, y) in enumerate(rng.normal(0, 0.1, (60, 2)))]
    found = outliers([*usual, named(99, aim=Aim(0.0, -0.95))])
    assert found == [{"path": "99.jpg", "why": "aim y -0.95 is far from the rest"}]
    assert outliers([*usual, *(named(100 + n, aim=Aim(0.0, -0.95)) for n in range(10))]) == []


def test_pictures_alike_with_labels_that_differ_contradict_each_other(folder):
    data = dataset(folder, aim=Aim(0.0, 0.0))
    data.samples = [replace(s, aim=Aim(0.8, 0.0)) if s.name == "anew.jpg" else s for s in data.samples]
    assert check(data)["outliers"] == [
        {"path": "anew.jpg", "why": "+0.80 where 5.jpg, which looks the same, has +0.00"}]


def test_near_copies_are_found_however_their_bits_differ():
    rng = np.random.default_rng(1)
    for _ in range(200):
        base = int(rng.integers(0, 2**63))
        flips = sum(1 << int(bit) for bit in rng.choice(64, 3, replace=False))
        looks = [Look(bytes([n]), value, False, 1.0, (1, 1)) for n, value in enumerate((base, base ^ flips))]
        assert near_copies(looks) == [(0, 1)]
    assert near_copies([Look(b"a", 0, False, 1.0, (1, 1)), Look(b"b", 0b1111, False, 1.0, (1, 1))]) == []


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no recorded frames in {REAL}; set JETRACER_REAL_DATA")
@pytest.mark.parametrize("name, copies", [("jetracer_fabo/xy", 6), ("donkey_track", 2)])
def test_recorded_sets(name, copies):
    from jetracer.data.formats.base import read

    result = check(read(REAL / name))
    assert (len(result["duplicates"]), result["blank"], result["skipped"]) == (copies, [], [])
