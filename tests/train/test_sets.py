"""What a training learns from: aims of every kind, parted without leaks, and nothing lost without a word."""
from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim, Command
from jetracer.data.formats.base import read, write
from jetracer.data.split import split, write_split
from jetracer.train.config import RoadConfig
from jetracer.train.pictures import from_samples, with_junk
from jetracer.train.sets import gather
from tests.data.sets import samples


def made(folder, first=0, **changes):
    """A set of 40 driven and clicked pictures, every 0.1 s."""
    some = [replace(sample, t_s=100.0 + at / 10, session="one", category="", deleted=False,
                    command=Command(at / 40, 0.2), aim=Aim(at / 40, 0.1))
            for at, sample in enumerate(samples(folder / "from", first + 40)[first:])]
    write([replace(sample, **changes) for sample in some], folder / "set", "labelled")
    return str(folder / "set")


def why(sets):
    return {note.path.rpartition("/")[2]: note.why for note in sets.left_out}


def test_one_session_is_parted_in_time_and_the_gap_is_told(tmp_path):
    sets = gather([made(tmp_path)], RoadConfig())
    aims = "the set's own, clicked or filled in: x right, y down"
    assert (len(sets.val), sets.parted, sets.aims) == (8, "by time", aims)
    assert len(sets.train) + len(sets.val) + len(sets.left_out) == 40
    assert {note.why for note in sets.left_out} == {"lies in the gap between training and validation"}


def test_a_split_that_is_written_down_is_kept(tmp_path):
    path = made(tmp_path)
    data = read(path)
    known = data.alive[:-1]
    written = split(known, 0.5)
    write_split(written, data.path)
    sets = gather([path], RoadConfig())
    assert ({s.name for s in sets.val}, sets.parted) == (set(written.val), "by split.json")
    assert "is not in split.json" in why(sets)[data.alive[-1].name]


def test_sets_are_kept_apart_by_name_and_parted_by_session(tmp_path):
    paths = [made(tmp_path / name, first) for name, first in (("a", 0), ("b", 40), ("c", 80))]
    sets = gather(paths, RoadConfig(share=0.3))
    assert sets.parted == "by session"
    assert (len(sets.train), len(sets.val)) == (80, 40)
    assert len({sample.name for sample in (*sets.train, *sets.val)}) == 120


def test_a_copy_of_what_validates_is_not_trained_on(tmp_path):
    path = made(tmp_path)
    images = tmp_path / "set" / "images"
    shutil.copyfile(images / "39.jpg", images / "0.jpg")
    assert "is an exact copy of 39.jpg, which validates" in why(gather([path], RoadConfig()))["0.jpg"]


def test_driven_steering_needs_a_camera_or_a_word(tmp_path):
    path = made(tmp_path, aim=None)
    with pytest.raises(ConfigError, match=r"40 pictures were driven.*--camera FILE.*none"):
        gather([path], RoadConfig())
    plain = gather([path], RoadConfig(camera="none"))
    assert [s.aim.x for s in plain.val] == [s.command.steering for s in plain.val]
    assert "--control.name aim" in plain.aims
    seen = gather([path], RoadConfig(camera="sim"))
    assert seen.val[0].aim.y != 0.0
    assert "0.7 m ahead on the arc" in seen.aims


def test_labels_of_later_and_what_has_none(tmp_path):
    path = made(tmp_path, aim=None)
    now, later = (gather([path], RoadConfig(camera="none", delay_s=delay_s)) for delay_s in (0.0, 0.2))
    by_name = {sample.name: sample.aim.x for sample in now.train}
    assert all(sample.aim.x == pytest.approx(by_name[sample.name] + 2 / 40) for sample in later.train)
    assert sum("nobody drove 0.2 s later" in note.why for note in later.left_out) == 2
    with pytest.raises(ConfigError, match="--delay-s shifts driven steering"):
        gather([made(tmp_path / "clicked")], RoadConfig(delay_s=0.2))


def test_nothing_labelled_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="jetracer data label"):
        gather([made(tmp_path, aim=None, command=None)], RoadConfig())


def test_pictures_are_made_as_in_a_drive_and_spoilt_ones_have_no_aim(tmp_path):
    sets = gather([made(tmp_path)], RoadConfig())
    data, lost = from_samples(sets.train, 64, 2)
    assert (data.pictures.shape[1:], len(data), lost) == ((32, 32, 3), len(sets.train), [])
    more = with_junk(data, 0.2, seed=1)
    assert len(more) == len(data) + round(0.2 * len(data))
    assert more.labels[len(data):].tolist() == [[0, 0, 0, 0, 1]] * (len(more) - len(data))
    assert with_junk(data, 0.0, seed=1) is data
