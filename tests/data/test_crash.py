"""A session that was cut off at any byte, in any way, opens and has all but the last moments."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from jetracer.core.errors import DataError
from jetracer.data.log import StepLog
from jetracer.data.recorder import CHUNK_S
from jetracer.data.repair import repair
from jetracer.data.session import Session

from .drives import ATTACHED, CONFIG, record, step

MOST_LOST_S = 1.0
STEPS = 360  # 6 s
CUTS = 500

RECORD = """
import sys, time
from jetracer.data.recorder import Recorder
from tests.data.drives import step
recorder = Recorder(sys.argv[1])
print("ready", flush=True)
seq = 0
while True:
    recorder(step(seq, time.monotonic(), 224))
    seq += 1
    time.sleep(1 / 60)
"""


def whole(folder) -> Path:
    """A finished session in chunks as the recorder makes them."""
    path = folder / "whole.mcap"
    log = StepLog(path, CONFIG, 1_700_000_000_000_000_000, {"road": "road"}, ATTACHED)
    flushed_s = 100.0
    for seq in range(STEPS):
        log.write(step(seq))
        if step(seq).t_s - flushed_s >= CHUNK_S:
            log.flush()
            flushed_s = step(seq).t_s
    log.finish({})
    log.close()
    return path


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    path = whole(tmp_path_factory.mktemp("whole"))
    with Session.open(path) as session:
        return path.read_bytes(), [(chunk.at + chunk.size, last_s(chunk)) for chunk in session.contents.chunks]


def last_s(chunk):
    """The time of a chunk's last step."""
    return chunk.messages[2]["time_ns"][-1] / 1e9


def lost_s(data, chunks, at, session):
    """How much later than the last step that can be read the step lies that was being written at byte `at`."""
    ends = [end for end, _ in chunks]
    newest_s = chunks[min(int(np.searchsorted(ends, at)), len(chunks) - 1)][1]
    found = session.contents.chunks
    return newest_s - (last_s(found[-1]) if found else chunks[0][1] - CHUNK_S)


def test_cut_off_at_five_hundred_places(full, tmp_path):
    data, chunks = full
    path = tmp_path / "session.mcap"
    worst_s, opened = 0.0, 0
    for at in np.random.default_rng(1).integers(0, len(data), CUTS).tolist():
        path.write_bytes(data[:at])
        with Session.open(path) as session:
            opened += 1
            assert session.damage.startswith("it was cut off")
            if len(session):
                assert session[-1].frame.image.shape == (32, 32, 3)
                assert session.config["road"] == "road"
            worst_s = max(worst_s, lost_s(data, chunks, at, session))
    assert opened == CUTS
    assert worst_s <= MOST_LOST_S
    print(f"\n{opened} of {CUTS} cut-off files opened, worst loss {worst_s:.2f} s")


@pytest.mark.parametrize("kind", ["zeros", "noise", "the file's own bytes"])
def test_garbage_behind_the_cut_costs_nothing_more(full, tmp_path, kind):
    data, chunks = full
    path = tmp_path / "session.mcap"
    rng = np.random.default_rng(2)
    for at in rng.integers(len(data) // 4, len(data), 60).tolist():
        size = int(rng.integers(1, 50_000))
        if kind == "zeros":
            tail = bytes(size)
        elif kind == "noise":
            tail = rng.integers(0, 256, size, np.uint8).tobytes()
        else:
            start = int(rng.integers(0, len(data) - size))
            tail = data[start : start + size]
        path.write_bytes(data[:at] + tail)
        with Session.open(path) as session:
            assert session.damage
            assert lost_s(data, chunks, at, session) <= MOST_LOST_S
            assert [one.frame.seq for one in session[:-1]] == list(range(len(session) - 1))


def test_a_damaged_chunk_costs_itself_alone(full, tmp_path):
    data, chunks = full
    path = tmp_path / "session.mcap"
    broken = bytearray(data)
    broken[chunks[4][0] - 1000] ^= 0xFF
    path.write_bytes(broken[:-50])
    with Session.open(path) as session:
        assert "1 damaged chunks are left out" in session.damage
        assert len(session.gaps(0.3)) == 1
    path.write_bytes(broken)  # a finished file is not read through when it is opened
    with Session.open(path) as session, pytest.raises(DataError, match="jetracer record --repair"):
        list(session)
    assert "1 damaged chunks" in repair(path)
    with Session.open(path) as session:
        assert session.damage == "" and len(session.gaps(0.3)) == 1


def test_a_repaired_session_is_a_proper_file(full, tmp_path):
    data, _ = full
    path = tmp_path / "session.mcap"
    path.write_bytes(data[: len(data) // 2])
    with Session.open(path) as session:
        before = [moment.step.t_s for moment in session.moments()]
    assert "cut off" in repair(tmp_path)
    assert os.listdir(tmp_path) == ["session.mcap"]
    with Session.open(path) as session:
        assert session.damage == ""
        assert [moment.step.t_s for moment in session.moments()] == before
        assert session.config["road"] == "road" and session.facts["road"] == "road"
    with path.open("rb") as file:
        assert sum(1 for _ in make_reader(file, validate_crcs=True).iter_messages(topics=["/step"])) == len(before)
    assert repair(path) == "", "once is enough"


def test_a_repair_that_fails_leaves_the_file_as_it_was(full, tmp_path, monkeypatch):
    data, _ = full
    path = tmp_path / "session.mcap"
    path.write_bytes(data[:-9])

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full_disk)
    with pytest.raises(DataError, match="No space left on device"):
        repair(path)
    assert path.read_bytes() == data[:-9] and os.listdir(tmp_path) == ["session.mcap"]


def test_a_session_can_be_read_while_it_is_recorded_but_not_repaired(tmp_path):
    from jetracer.data.recorder import Recorder

    recorder = Recorder(tmp_path / "session.mcap", CONFIG)
    recorder(step(0))
    deadline_s = time.monotonic() + 5.0
    while time.monotonic() < deadline_s:
        with Session.open(tmp_path) as session:
            assert session.damage.startswith("it is still being recorded")
            if len(session):
                break
        time.sleep(0.02)
    assert len(session) == 1
    with pytest.raises(DataError, match="still being recorded"):
        repair(tmp_path)
    recorder.close()
    assert repair(tmp_path) == ""


def test_killed_while_recording(tmp_path):
    children = []
    for number in range(4):
        path = tmp_path / str(number) / "session.mcap"
        path.parent.mkdir()
        command = [sys.executable, "-c", RECORD, str(path)]
        children.append((path, subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])))
    worst_s = 0.0
    for number, (path, child) in enumerate(children):
        assert child.stdout.read(5) == b"ready"
        time.sleep(0.5 + 0.13 * number)  # at another place of a chunk each
        killed_s = time.monotonic()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with Session.open(path) as session:
            assert session.damage.startswith("it was cut off")
            worst_s = max(worst_s, killed_s - session[-1].t_s)
            assert session[-1].frame.image.shape == (224, 224, 3)
        assert "cut off" in repair(path)
    assert worst_s <= MOST_LOST_S
    print(f"\n{len(children)} recordings killed, worst loss {worst_s:.2f} s")


def test_an_empty_file_is_an_empty_session(tmp_path):
    record(tmp_path / "session.mcap", [])
    with Session.open(tmp_path) as session:
        assert session.damage == "" and len(session) == 0
    (tmp_path / "session.mcap").write_bytes(b"")
    with Session.open(tmp_path) as session:
        assert session.damage == "it was cut off" and len(session) == 0
