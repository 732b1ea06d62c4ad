from dataclasses import replace

import pytest

from jetracer.camera.base import CameraConfig
from jetracer.camera.replay import ReplayCamera
from jetracer.core.errors import ConfigError
from jetracer.data.formats.base import not_carried, read, write
from jetracer.data.formats.labelled import Labelled
from tests.data.sets import REAL, jpeg, samples, why


def facts(sample):
    return replace(sample, picture=None)


def test_everything_but_boxes_is_read_back(tmp_path):
    before = samples(tmp_path / "from")
    assert not_carried(before, "labelled") == ["boxes of 4 records"]
    assert write(before, tmp_path / "to", "labelled") == []
    after = read(tmp_path / "to")
    assert after.format == "labelled"
    assert [facts(s) for s in after.samples] == [replace(facts(s), boxes=None) for s in before]
    assert [s.picture.read() for s in after.samples] == [s.picture.read() for s in before]
    assert after.summary()["records"] == 3
    assert after.summary()["deleted"] == 1


def test_the_camera_plays_it(tmp_path):
    write(samples(tmp_path / "from"), tmp_path / "to", "labelled")
    with ReplayCamera(CameraConfig("replay", str(tmp_path / "to"), realtime=False)) as camera:
        assert len(camera) == 4


def test_odd_rows_are_skipped_or_flagged_by_name(tmp_path):
    rows = ["file,x,y,steering,throttle,speed_mps", "a.jpg,0.5,0.5,,,", "b.jpg,nan,0.5,,,", "c.jpg,0.5,,,,",
            "gone.jpg,0,0,,,", "d.jpg,,,7,0.1,", "e.jpg,,,0.1,,", "a.jpg,0,0,,,", ",0,0,,,", "f.jpg,,,,,fast",
            "../a.jpg,0,0,,,", "g.jpg,,,,0.5,", "\0\0\0"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    for name in "abcdefgh":
        jpeg(tmp_path / "images" / f"{name}.jpg")
    data = read(tmp_path)
    assert [s.name for s in data.samples] == ["a.jpg", "e.jpg", "h.jpg"]
    assert [s.labelled for s in data.samples] == [True, True, False]
    assert why(data.flagged) == {"e.jpg": "steering without throttle; taken as 0"}
    assert why(data.skipped) == {
        "b.jpg": "x 'nan' is not in [-1, 1]", "c.jpg": "x without y, or y without x",
        "gone.jpg": "there is no such file", "d.jpg": "steering '7' is not in [-1, 1]",
        "a.jpg": "is in labels.csv twice; the first row counts", "labels.csv line 9": "names no file",
        "f.jpg": "speed_mps 'fast' is not a number", "../a.jpg": "the name leads out of the folder",
        "g.jpg": "throttle without steering"}


def test_names_that_two_sets_share_are_told_apart(tmp_path):
    twice = samples(tmp_path / "a", 2) + samples(tmp_path / "b", 2, category="", session="tuesday")
    assert write(twice, tmp_path / "to", "labelled") == []
    assert sorted(p.name for p in (tmp_path / "to" / "images").iterdir()) == [
        "0.jpg", "1.jpg", "tuesday_0.jpg", "tuesday_1.jpg"]


def test_records_are_deleted_and_come_back(tmp_path):
    write(samples(tmp_path / "from", deleted=False), tmp_path / "to", "labelled")
    assert Labelled().set_deleted(tmp_path / "to", {"0.jpg", "9.jpg"}, True) == {"0.jpg"}
    assert [s.name for s in read(tmp_path / "to").samples if s.deleted] == ["0.jpg"]
    assert Labelled().set_deleted(tmp_path / "to", {"0.jpg"}, False) == {"0.jpg"}
    assert not any(s.deleted for s in read(tmp_path / "to").samples)


def test_nothing_is_overwritten_and_nothing_half_done_is_left(tmp_path):
    before = samples(tmp_path / "from")
    with pytest.raises(ConfigError, match="is there already"):
        write(before, tmp_path / "from", "labelled")
    with pytest.raises(AttributeError):
        write([*before, None], tmp_path / "to", "labelled")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["from"]


def test_torn_pictures_are_left_out_on_the_way(tmp_path):
    before = samples(tmp_path / "from")
    (tmp_path / "from" / "2.jpg").unlink()
    assert list(why(write(before, tmp_path / "to", "labelled"))) == ["2.jpg"]
    assert len(read(tmp_path / "to").samples) == 3


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no recorded frames in {REAL}; set JETRACER_REAL_DATA")
def test_recorded_donkey_frames_are_such_a_set():
    data = read(REAL / "donkey_track")
    assert (data.format, len(data.samples), data.skipped, data.flagged) == ("labelled", 500, [], [])
    assert {s.session for s in data.samples} == {"22-11-12_0"}
