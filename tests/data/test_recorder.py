from __future__ import annotations

import errno
import os
import resource
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import DataError
from jetracer.data.log import StepLog
from jetracer.data.recorder import Recorder
from jetracer.data.session import Session
from jetracer.data.writer import SessionWriter

from .drives import CONFIG, record, step


@pytest.fixture
def path(tmp_path):
    return tmp_path / "session.mcap"


@pytest.fixture
def stuck(monkeypatch):
    """A disk that lets nothing through until the event is set."""
    freed = threading.Event()
    write = StepLog.write

    def waits(log, *entry):
        assert freed.wait(10.0)
        write(log, *entry)

    monkeypatch.setattr(StepLog, "write", waits)
    yield freed
    freed.set()


@contextmanager
def file_limit(size):
    """No file may become larger: the nearest to a full disk that needs no disk. No longer than a test's own lines,
    since pytest's output may go to a file too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def wait_for(condition, seconds=10.0):
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.005)


def test_a_stuck_disk_costs_steps_and_never_time(path, stuck):
    one = step(0).frame.image.nbytes
    recorder = Recorder(path, CONFIG, most_waiting=10 * one)
    start_s = time.monotonic()
    for seq in range(100):
        recorder(step(seq, undo=seq == 99))
    assert time.monotonic() - start_s < 1.0
    assert recorder.state.dropped == 88, "11 have room, and an undo is never lost"
    stuck.set()
    state = recorder.close()
    assert state.undone == 12
    with Session.open(path) as session:
        assert len(list(session.moments())) == 12
        assert session.contents.records["result"]["dropped"] == "88"


def test_room_that_was_used_is_free_again(path):
    recorder = Recorder(path, CONFIG, most_waiting=step(0).frame.image.nbytes)
    for seq in range(20):
        recorder(step(seq))
        wait_for(lambda seq=seq: recorder.state.pictures == seq + 1)
    assert recorder.close().dropped == 0


def test_a_full_disk_ends_the_recording_and_says_so(path, caplog):
    recorder = Recorder(path, CONFIG)
    seqs, empty = iter(range(100_000)), path.stat().st_size
    wait_for(lambda: recorder(step(next(seqs), size=64)) or path.stat().st_size > empty)
    with file_limit(path.stat().st_size):
        wait_for(lambda: recorder(step(next(seqs), size=64)) or recorder.state.error)
        state = recorder.state
        recorder(step(next(seqs)))  # the drive goes on
        ended = recorder.close()
    assert (state.error, state.on) == ("disk full", False)
    assert ended.error == "disk full"
    assert "the drive goes on" in caplog.text
    with Session.open(path) as session:
        assert session.damage == "it was cut off", "whole chunks only"
        assert len(session) > 0
        assert session[-1].frame.image.shape == (64, 64, 3)


def test_recording_ends_before_the_disk_is_full(path):
    recorder = Recorder(path, replace(CONFIG, keep_free_mb=1e12))
    recorder(step(0))
    wait_for(lambda: recorder.state.error)
    assert recorder.close().error == "disk full"
    with Session.open(path) as session:
        assert len(session) == 1 and session.damage == "", "a proper file"


def test_any_other_fault_ends_the_recording_too(path, monkeypatch):
    def broken(*_):
        raise RuntimeError("encoder broken")

    monkeypatch.setattr(StepLog, "write", broken)
    state = record(path, [step(0)])
    assert state.error == "encoder broken" and not state.on


def test_a_device_that_is_always_full(tmp_path, monkeypatch):
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, *mode: opened(
        "/dev/full" if flags & os.O_CREAT else path, flags & ~(os.O_CREAT | os.O_EXCL), *mode))
    with pytest.raises(DataError, match=r"No space left on device.*--runs OTHER_FOLDER"):
        Recorder(tmp_path / "session.mcap", CONFIG)


def test_nothing_is_overwritten(path):
    path.write_bytes(b"somebody's")
    with pytest.raises(DataError, match="File exists"):
        Recorder(path, CONFIG)
    assert path.read_bytes() == b"somebody's"


def test_the_button_is_told_while_driving(path):
    recorder = Recorder(path, replace(CONFIG, pictures="button"))
    seen = []
    for seq, on in enumerate([False, True, False]):
        recorder(step(seq, record=on))
        seen.append(recorder.state.on)
    state = recorder.close()
    assert seen == [False, True, False]
    assert (state.pictures, state.wanted) == (1, "button")
    assert recorder.close() == state, "once is enough"


def test_a_wrong_word_for_the_pictures_is_told():
    with pytest.raises(ValueError, match=r"record.pictures = 'some' is none of all, button, none"):
        replace(CONFIG, pictures="some")


def test_steps_are_on_the_disk_soon_even_when_the_camera_falls_silent(path):
    recorder = Recorder(path, CONFIG)
    recorder(step(0))
    size = path.stat().st_size
    wait_for(lambda: path.stat().st_size > size, 5.0)
    recorder.close()


def test_the_time_in_the_file_is_the_calendars(path):
    clock = FakeClock(50.0)
    before_ns = time.time_ns()
    Recorder(path, CONFIG, clock=clock).close()
    with Session.open(path) as session:
        zero_ns = int(session.facts["zero_ns"])
    assert 0 <= zero_ns + 50_000_000_000 - before_ns < 5_000_000_000


def test_a_chunk_that_the_disk_cut_in_two_is_taken_away(path):
    writer = SessionWriter(path, {}, [])
    size = path.stat().st_size
    writer.add("/step", 1, b"x" * 1000)
    with file_limit(size + 100), pytest.raises(OSError) as error:
        writer.flush()
    assert error.value.errno == errno.EFBIG
    assert path.stat().st_size == size
    writer.close()
    assert Path(path).exists()


@pytest.mark.parametrize("permitted", [True, False])
def test_beside_a_real_time_loop_its_thread_is_not_put_aside(path, monkeypatch, permitted):
    asked = []

    def schedule(pid, policy, parameters):
        thread = threading.current_thread().name
        asked.append((thread, pid, policy & ~os.SCHED_RESET_ON_FORK, parameters.sched_priority))
        if not permitted:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", schedule)
    record(path, [step(0)])
    assert asked == [], "only in real-time mode"
    path.unlink()
    assert record(path, [step(0)], realtime=True).pictures == 1
    assert asked == [("recorder", 0, os.SCHED_FIFO, 1)], "this thread, below the loop's"
