from __future__ import annotations

import json
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from mcap.reader import make_reader

from jetracer.camera.base import CameraConfig
from jetracer.camera.replay import ReplayCamera
from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraEnded, CameraError, DataError
from jetracer.core.types import Scene
from jetracer.data.session import Session

from .drives import ATTACHED, CONFIG, PERIOD_S, record, step


class Truth(NamedTuple):
    x_m: float
    lap: int
    off_now: bool


@pytest.fixture
def path(tmp_path):
    return tmp_path / "session.mcap"


def seqs(session):
    return [one.frame.seq for one in session]


def test_every_field_of_every_step_comes_back_exactly(path):
    nobody = replace(step(2), scene=Scene(1 / 3), pilot=replace(step(2).pilot, t_s=-np.inf))
    steps = [step(0), step(1, undo=False, record=True), nobody]
    record(path, steps)
    with Session.open(path) as session:
        for wanted, found in zip(steps, session):
            assert replace(found, frame=wanted.frame) == wanted
            assert (found.frame.t_s, found.frame.seq) == (wanted.frame.t_s, wanted.frame.seq)
            assert found.frame.image.shape == (32, 32, 3)
            assert abs(int(found.frame.image[0, 0, 0]) - int(wanted.frame.image[0, 0, 0])) <= 1


def test_a_session_says_what_was_driven_and_how(path):
    record(path, [step(0), step(1)], facts={"road": "road"}, attachments=ATTACHED)
    with Session.open(path.parent) as session:  # the run folder does as well
        assert session.config == {"road": "road", "camera": {"width": 224}}
        assert session.card == {"name": "road"}
        assert session.facts["road"] == "road"
        assert session.facts["started"].endswith("+00:00")
        assert session.damage == ""
        assert session.duration_s == pytest.approx(PERIOD_S)


def test_steps_are_found_by_number_by_time_and_by_slice(path):
    record(path, [step(seq) for seq in range(300)])
    with Session.open(path) as session:
        assert len(session) == 300
        assert session[-1].frame.seq == 299
        assert [one.frame.seq for one in session[10:20:5]] == [10, 15]
        assert session.at(session[123].t_s) == 123
        assert session.at(session[123].t_s + 0.9 * PERIOD_S) == 123
        assert session.at(0.0) == 0
        with pytest.raises(IndexError):
            session[300]


def test_the_truth_of_the_simulation_is_kept(path):
    truths = iter([Truth(1.5, 0, False), Truth(float("nan"), 1, True)])
    record(path, [step(0), step(1)], truth=lambda: next(truths))
    with Session.open(path) as session:
        first, second = (moment.truth for moment in session.moments())
        assert (first.x_m, first.lap, first.off_now) == (1.5, 0, False)
        assert np.isnan(second.x_m) and second.lap == 1


def test_a_frame_that_the_loop_saw_twice_is_one_picture(path):
    record(path, [step(0), step(1), step(1, t_s=100.5), step(2, t_s=101.0)])
    with Session.open(path) as session:
        assert seqs(session) == [0, 1, 2]
        moments = list(session.moments())
        assert [moment.kept for moment in moments] == [True, True, False, True]
        with pytest.raises(DataError, match="No picture was kept of frame 1"):
            _ = moments[2].step.frame.image


def test_the_button_says_which_pictures_are_kept(path):
    steps = [step(seq, record=seq in (3, 4, 8)) for seq in range(10)]
    state = record(path, steps, replace(CONFIG, pictures="button"))
    assert state.pictures == 3
    with Session.open(path) as session:
        assert seqs(session) == [3, 4, 8]
        assert sum(1 for _ in session.moments()) == 10
        assert [length for _, length in session.gaps(0.05)] == [pytest.approx(4 * PERIOD_S)]


def test_undo_throws_the_last_seconds_away_and_nothing_is_lost(path):
    steps = [step(seq, t_s=100.0 + seq, undo=seq in (12, 13)) for seq in range(20)]
    state = record(path, steps)
    assert (state.pictures, state.undone) == (10, 10)
    with Session.open(path) as session:
        assert seqs(session) == [0, 1, 2, 3, *range(14, 20)]  # 12 and the 4 before; then 13 and the 4 left before it
        assert len(session.undone) == 2
        assert len(list(session.moments())) == 20
    with Session.open(path, undone=True) as session:
        assert seqs(session) == list(range(20))


def test_undo_with_nothing_to_throw_away_is_no_fault(path):
    state = record(path, [step(0, undo=True), step(1)], replace(CONFIG, pictures="none"))
    assert state.error == "" and state.undone == 0
    with Session.open(path) as session:
        assert len(session) == 0 and session.duration_s == 0.0 and session.gaps() == []


def test_other_programs_read_it(path):
    record(path, [step(0), step(1, undo=True)], attachments=ATTACHED)
    with path.open("rb") as file:
        reader = make_reader(file)
        found = [(schema.name, channel.topic, channel.message_encoding, message)
                 for schema, channel, message in reader.iter_messages()]
        both = ["foxglove.CompressedImage", "jetracer.Step"]
        assert [name for name, _, _, _ in found] == [*both, *both, "jetracer.Undo"]
        assert [attachment.name for attachment in reader.iter_attachments()] == ["config.toml", "model.json"]
        assert {record.name for record in reader.iter_metadata()} == {"jetracer", "result"}
    assert json.loads(found[1][3].data)["wanted"] == {"steering": 0.5, "throttle": 0.25}


def test_what_is_no_session_is_told(tmp_path, path):
    with pytest.raises(DataError, match="No session"):
        Session.open(tmp_path)
    path.write_bytes(b"no session at all")
    with pytest.raises(DataError, match="is no recorded session"):
        Session.open(path)


def test_a_foreign_mcap_file_is_told(path):
    from mcap.writer import Writer

    writer = Writer(str(path))
    writer.start()
    channel = writer.register_channel("/imu", "json", writer.register_schema("imu", "jsonschema", b"{}"))
    writer.add_message(channel, 1, b"{}", 1)
    writer.finish()
    with pytest.raises(DataError, match="of another program"):
        Session.open(path)


def test_a_session_plays_as_a_camera(path):
    record(path, [step(seq, t_s=100.0 + seq / 10, undo=seq == 3) for seq in range(8)])
    camera = ReplayCamera(CameraConfig(name="replay", path=str(path.parent), realtime=False), FakeClock(5.0))
    with camera:
        assert [int(camera.read(1.0).image[0, 0, 0]) for _ in range(4)] == [4, 5, 6, 7]
        with pytest.raises(CameraEnded):
            camera.read(1.0)


def test_a_session_without_pictures_does_not_play(path):
    record(path, [step(0)], replace(CONFIG, pictures="none"))
    with pytest.raises(CameraError, match="no pictures"):
        ReplayCamera(CameraConfig(name="replay", path=str(path))).open()
