import uuid

import pytest

from jetracer.core.types import Aim
from jetracer.data.formats.base import read, recognised, write
from jetracer.data.formats.xy import time_of
from tests.data.sets import REAL, jpeg, samples, why

SIZE = (200, 100)


def test_a_click_becomes_an_aim_and_its_folder_a_category(tmp_path):
    jpeg(tmp_path / "apex" / "150_25_a.jpg", size=SIZE)
    data = read(tmp_path)
    assert data.format == "xy"
    assert [(s.aim, s.category, s.name) for s in data.samples] == [(Aim(0.5, -0.5), "apex", "apex/150_25_a.jpg")]


def test_a_click_on_the_border_is_kept_and_one_outside_is_pulled_to_it_and_flagged(tmp_path):
    for name in ("0_100_a.jpg", "200_0_b.jpg", "-1_50_c.jpg", "100_103_d.jpg"):
        jpeg(tmp_path / name, size=SIZE)
    data = read(tmp_path)
    aims = {s.name: s.aim for s in data.samples}
    assert aims == {"0_100_a.jpg": Aim(-1, 1), "200_0_b.jpg": Aim(1, -1), "-1_50_c.jpg": Aim(-1, 0),
                    "100_103_d.jpg": Aim(0, 1)}
    assert set(why(data.flagged)) == {"-1_50_c.jpg", "100_103_d.jpg"}
    assert "clicked outside of the picture (-1, 50)" in why(data.flagged)["-1_50_c.jpg"]


def test_odd_files_are_skipped_by_name(tmp_path):
    whole = jpeg(tmp_path / "1_2_whole.jpg", size=SIZE).read_bytes()
    (tmp_path / "3_4_torn.jpg").write_bytes(whole[:-400])
    (tmp_path / "5_6_empty.jpg").touch()
    jpeg(tmp_path / "holiday.jpg")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "split.json").touch()  # our own, beside the data
    data = read(tmp_path)
    assert [s.name for s in data.samples] == ["1_2_whole.jpg"]
    assert why(data.skipped) == {
        "3_4_torn.jpg": "torn: the JPEG has no end", "5_6_empty.jpg": "the file is empty",
        "holiday.jpg": "the name is not <x>_<y>_<id>", "notes.txt": "not a picture"}


def test_uuids_tell_the_time_and_pauses_part_the_sessions(tmp_path):
    first = "20f529e6-8a82-11ee-afe8-b48c9d1c5acd"  # 2023-11-24 04:29 UTC
    assert time_of(first) == pytest.approx(1700800199.84, abs=0.01)
    assert time_of(str(uuid.uuid4())) is None
    assert time_of("a") is None
    for name in (f"1_1_{first}.jpg", "2_2_315460a8-8a82-11ee-afe8-b48c9d1c5acd.jpg",
                 "3_3_20f529e6-8a85-11ee-afe8-b48c9d1c5acd.jpg", "4_4_x.jpg"):
        jpeg(tmp_path / "apex" / name, size=SIZE)
    sessions = [s.session for s in read(tmp_path).samples]
    assert sessions == ["apex 2023-11-24 04:29"] * 2 + ["apex 2023-11-24 04:51", ""]


@pytest.mark.parametrize("kind", ["xy", "jetbot"])
def test_written_sets_are_read_back(tmp_path, kind):
    before = samples(tmp_path / "from")
    assert write(before, tmp_path / "to", kind) == []
    assert recognised(tmp_path / "to") == kind
    after = read(tmp_path / "to")
    assert not after.skipped and not after.flagged
    by_bytes = {s.picture.read(): s.aim for s in after.samples}
    for sample in before:
        aim = by_bytes[sample.picture.read()]
        assert (aim.x, aim.y) == pytest.approx((sample.aim.x, sample.aim.y), abs=1 / 48)


def test_jetbot_in_pixels_and_in_its_older_percent(tmp_path):
    for folder, clicks in (("new", ("020_060", "180_200")), ("old", ("020_060", "100_050"))):
        for click in clicks:
            jpeg(tmp_path / folder / f"xy_{click}_{uuid.uuid4()}.jpg", size=(200, 200))
    new, old = read(tmp_path / "new"), read(tmp_path / "old")
    assert (new.format, old.format) == ("jetbot", "jetbot")
    assert {(s.aim.x, s.aim.y) for s in new.samples} == {(-0.8, -0.4), (0.8, 1.0)}
    assert not new.flagged
    assert {(round(s.aim.x, 6), round(s.aim.y, 6)) for s in old.samples} == {(-0.6, 0.2), (1.0, 0.0)}
    assert "older kind" in why(old.flagged)["."]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no recorded frames in {REAL}; set JETRACER_REAL_DATA")
def test_recorded_clicks_survive_the_way_out_and_back(tmp_path):
    before = read(REAL / "jetracer_fabo" / "xy")
    assert (len(before.samples), before.skipped, before.flagged) == (128, [], [])
    assert write(before.samples, tmp_path / "set", "xy") == []
    after = {s.name.rpartition("/")[2]: s for s in read(tmp_path / "set" / "apex").samples}
    assert {s.name: s.aim for s in before.samples} == {name: s.aim for name, s in after.items()}
    assert {s.session for s in before.samples} == {s.session for s in after.values()}
