import gc
import os
from dataclasses import replace

import pytest

from jetracer.camera.recordings import SESSION
from jetracer.core.errors import ConfigError
from jetracer.core.types import Command, Decision
from jetracer.data.formats.base import read, write
from jetracer.data.session import Session
from tests.data.drives import record, step
from tests.data.sets import why


@pytest.fixture
def run(tmp_path):
    """A run folder of 20 steps, the first five of them not armed."""
    folder = tmp_path / "monday"
    folder.mkdir()
    steps = [step(seq) for seq in range(20)]
    steps[:5] = [replace(one, decision=Decision(Command(0.0, 0.0), armed=False)) for one in steps[:5]]
    record(folder / SESSION, steps)
    return folder


def test_a_recorded_drive_is_samples_of_what_was_sent(run):
    data = read(run)
    assert (data.format, len(data.samples), data.skipped, data.flagged) == ("session", 20, [], [])
    assert [s.command for s in data.samples] == [None] * 5 + [Command(0.4, 0.2)] * 15
    assert {(s.session, s.tags, s.aim) for s in data.samples} == {("monday", ("automatic",), None)}
    gaps = [b.t_s - a.t_s for a, b in zip(data.samples, data.samples[1:])]
    assert gaps == pytest.approx([1 / 60] * 19, abs=1e-4)
    assert abs(int(data.samples[7].picture.image().mean()) - 7) <= 1
    assert data.samples[7].picture.size() == (32, 32)


def test_it_becomes_a_labelled_set_with_the_same_pictures(run, tmp_path):
    before = read(run)
    assert write(before.samples, tmp_path / "set", "labelled") == []
    after = read(tmp_path / "set")
    assert [s.picture.read() for s in after.samples] == [s.picture.read() for s in before.samples]
    assert [s.command for s in after.samples] == [s.command for s in before.samples]
    with Session.open(run) as session:
        assert session[3].frame.jpeg() == before.samples[3].picture.read()


def test_what_the_pilot_threw_away_is_deleted(tmp_path):
    steps = [step(seq, record=True) for seq in range(300)]
    steps[200] = step(200, record=True, undo=True)
    record(tmp_path / SESSION, steps)
    data = read(tmp_path)
    with Session.open(tmp_path) as session:
        assert len(session) == len(data.alive) < len(data.samples) == 300


def test_a_session_cut_off_is_read_as_far_as_it_goes_and_says_so(run):
    path = run / SESSION
    os.truncate(path, path.stat().st_size - 40)
    data = read(path)
    assert len(data.samples) > 0
    assert "was not finished" in why(data.flagged)[SESSION]


def test_the_file_is_closed_when_no_picture_can_be_asked_for_any_more(run):
    def opened():
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == str(run / SESSION) for fd in os.listdir("/proc/self/fd"))

    last = read(run).samples[-1]
    gc.collect()
    assert opened() == 1
    assert last.picture.image() is not None
    del last
    gc.collect()
    assert opened() == 0


def test_sessions_are_recorded_not_written(run, tmp_path):
    with pytest.raises(ConfigError, match="recorded by a drive"):
        write(read(run).samples, tmp_path / "to", "session")
    assert not (tmp_path / "to").exists()
