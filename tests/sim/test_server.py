"""The world as a process of its own: real time, real sockets, real kills."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from jetracer.camera.base import CAMERAS, CameraConfig
from jetracer.core.errors import CameraError, CameraTimeout
from jetracer.sim.board import Board
from jetracer.sim.camera import BOARD, FRAMES, SOCKET, TRUTH, SimCamera, world_dir
from jetracer.sim.live import read_truth
from jetracer.sim.notices import Notifier
from jetracer.sim.referee import Truth
from jetracer.sim.shared import SharedWorld

from .wheel import Wheel

SERVER = [sys.executable, "-m", "jetracer.sim.server"]
QUICK = ["--look", "pattern", "--width", "64", "--height", "48", "--fps", "100", "--seed", "7"]
START_S = 20.0


@pytest.fixture
def folder():
    path = tempfile.mkdtemp(prefix="world-")  # the paths of pytest's own folders may be too long for a socket
    yield Path(path)
    shutil.rmtree(path)


def wait_for(condition, process=None, seconds=START_S):
    give_up_s = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "the world ended"
        assert time.monotonic() < give_up_s, "it never happened"
        time.sleep(0.002)


class Running:
    """A world's process, ended with the block."""

    def __init__(self, folder, *options, new_group=True):
        self.folder = folder
        self.process = subprocess.Popen(
            [*SERVER, "--dir", str(folder), *QUICK, *options], stderr=subprocess.PIPE, start_new_session=new_group
        )

    def __enter__(self):
        wait_for((self.folder / SOCKET).exists, self.process)
        return self

    def __exit__(self, *_exc):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def camera(self):
        return CAMERAS.create("sim", CameraConfig("sim", path=str(self.folder)), None)

    def shared(self):
        return SharedWorld.attach(str(self.folder / FRAMES))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(5)


@pytest.fixture
def world(folder):
    with Running(folder) as running:
        yield running


# -- frames


def test_frames_come_at_their_rate_stamped_when_they_were_exposed(world):
    with world.camera() as camera:
        camera.read(1.0)
        taken = []
        for _ in range(50):
            frame = camera.read(1.0)
            assert 0.0 <= frame.age_s(time.monotonic()) < 0.5
            taken.append(frame)
    assert frame.image.shape == (48, 64, 3)
    assert frame.image.dtype == np.uint8
    seqs = [frame.seq for frame in taken]
    assert seqs == sorted(set(seqs))
    between_s = (taken[-1].t_s - taken[0].t_s) / (seqs[-1] - seqs[0])
    assert between_s == pytest.approx(0.01, rel=0.1)


def test_the_same_frame_never_comes_twice(world):
    with world.camera() as camera:
        frame = camera.read(1.0)
        os.kill(world.process.pid, signal.SIGSTOP)
        with pytest.raises(CameraTimeout, match=r"no frame within 0\.05 s"):
            for _ in range(3):  # one or two may still be waiting
                newer = camera.read(0.05)
                assert newer.seq > frame.seq
                frame = newer
        os.kill(world.process.pid, signal.SIGCONT)
        assert camera.read(1.0).seq > frame.seq


def test_a_camera_reads_on_its_own_thread_and_is_closed_from_another(world):
    camera = world.camera()
    camera.open()
    camera.open()
    caught = []

    def read():
        try:
            while True:
                camera.read(0.5)
        except CameraError as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    camera.close()
    camera.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(caught) == 1


def test_no_world_no_camera(folder, monkeypatch):
    with pytest.raises(CameraError, match=r"No simulated world at .*jetracer drive --sim"):
        SimCamera(CameraConfig("sim", path=str(folder))).open()
    with pytest.raises(CameraError, match="open it first"):
        SimCamera(CameraConfig("sim", path=str(folder))).read(0.1)
    with Notice(folder) as _, pytest.raises(CameraError, match="No simulated world"):
        SimCamera(CameraConfig("sim", path=str(folder))).open()
    monkeypatch.setenv("JETRACER_RUNTIME_DIR", str(folder))
    assert world_dir() == folder / "world"


class Notice:
    def __init__(self, folder):
        self._notifier = Notifier(str(folder / SOCKET))

    def __enter__(self):
        return self._notifier

    def __exit__(self, *_exc):
        self._notifier.close()


def test_a_world_that_dies_is_an_error_at_the_reader_and_leaves_its_last_truth(world):
    with world.camera() as camera, world.camera() as other:
        camera.read(1.0)
        world.process.kill()
        world.process.wait()
        for one in (camera, other):
            with pytest.raises(CameraError, match="has gone"):
                for _ in range(3):
                    one.read(1.0)
    shared = world.shared()
    assert shared.truth().survived
    assert shared.newest().image.shape == (48, 64, 3)
    shared.close()


def test_a_reader_that_never_reads_slows_nobody(world):
    with world.camera(), world.camera() as reader:
        first = reader.read(1.0)
        while True:  # more notices than a socket holds
            frame = reader.read(1.0)
            if frame.seq > first.seq + 150:
                break
        assert frame.t_s - first.t_s == pytest.approx((frame.seq - first.seq) * 0.01, rel=0.1)
    assert world.process.poll() is None


# -- the ring


def truth_at(t_s):
    return Truth(*[t_s] * 9, 3, 1, 0, True, 0.5, False, 1.0, 0.1, 12.0)


def test_the_ring_keeps_the_newest_whole(tmp_path):
    path = str(tmp_path / "frames")
    ring = SharedWorld.create(path, 5, 4, fps=30.0, seed=9, start_s=1.5)
    reader = SharedWorld.attach(path)
    assert (reader.width, reader.height, reader.fps, reader.seed, reader.start_s) == (5, 4, 30.0, 9, 1.5)
    assert reader.newest() is None
    with pytest.raises(CameraError, match="no whole truth"):
        reader.truth()
    for seq in range(11):
        ring.publish(np.full((4, 5, 3), seq, np.uint8), seq / 30, seq * 2)
        ring.publish_truth(truth_at(float(seq)))
        newest = reader.newest()
        assert (newest.seq, newest.t_s) == (seq * 2, seq / 30)
        assert (newest.image == seq).all()
        assert reader.truth() == truth_at(float(seq))
    assert reader.truth().lap == 3
    assert reader.truth().off_now is True
    ring.close()
    reader.close()


def test_frames_are_never_torn(tmp_path):
    path = str(tmp_path / "frames")
    SharedWorld.create(path, 64, 64, fps=30.0, seed=0).close()
    code = """
import sys, numpy as np
from jetracer.sim.shared import SharedWorld
ring = SharedWorld.attach(sys.argv[1])
pictures = [np.full((64, 64, 3), k, np.uint8) for k in range(251)]
seq = 0
while True:
    ring.publish(pictures[seq % 251], float(seq), seq)
    seq += 1
"""
    with subprocess.Popen([sys.executable, "-c", code, path]) as writer:
        reader = SharedWorld.attach(path)
        wait_for(lambda: reader.newest() is not None, writer)
        seqs = set()
        for _ in range(2000):
            image, t_s, seq = reader.newest()
            assert (image == seq % 251).all()
            assert t_s == seq
            seqs.add(seq)
        assert len(seqs) > 20
        writer.kill()
    image, _, seq = reader.newest()
    assert (image == seq % 251).all()
    reader.close()


def test_something_else_is_no_ring(tmp_path):
    (tmp_path / "frames").write_bytes(b"x" * 5000)
    with pytest.raises(CameraError, match="holds no simulated world"):
        SharedWorld.attach(str(tmp_path / "frames"))
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(CameraError, match="No simulated world"):
        SharedWorld.attach(str(tmp_path / "empty"))


# -- the process


def test_registers_move_the_car_and_the_truth_is_written_down(world):
    board, shared = Board.attach(str(world.folder / BOARD)), world.shared()
    wheel = Wheel(board)
    start_s = time.monotonic()
    wait_for(lambda: time.monotonic() > start_s + 0.4, world.process)
    wheel.pulses(1500, 1700)
    wait_for(lambda: shared.truth().speed_mps > 0.5, world.process, 5.0)
    truth = shared.truth()
    assert truth.t_s == pytest.approx(time.monotonic(), abs=0.5)
    assert truth.distance_m > 0.0
    assert board.bus().read_word_data(0x41, 0x02) != 0
    assert world.end() == 0
    rows = read_truth(world.folder / TRUTH)
    steps_s = np.diff([row.t_s for row in rows])
    assert np.median(steps_s) == pytest.approx(0.02, abs=0.004)
    assert rows[-1].speed_mps > 0.5
    assert not (world.folder / SOCKET).exists()
    board.close()
    shared.close()


def test_it_prints_nothing_and_ends_when_its_parent_dies(folder):
    code = """
import subprocess, sys
world = subprocess.Popen(sys.argv[1:])
print(world.pid, flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, *SERVER, "--dir", str(folder), *QUICK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        wait_for((folder / SOCKET).exists, parent)
        parent.kill()
        assert parent.stdout.read() == b""  # ends when the world has closed it too
        assert parent.stderr.read() == b""
    wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
    assert not (folder / SOCKET).exists()


def test_an_orphan_does_not_even_start(folder):
    assert Running(folder, "--parent", "1").process.wait(START_S) == 0 or os.getpid() == 1


@pytest.mark.parametrize(("own_group", "ends"), [(True, True), (False, False)])
def test_ctrl_c_is_for_the_leader_of_the_group(folder, own_group, ends):
    with Running(folder, new_group=own_group) as world:
        world.process.send_signal(signal.SIGINT)
        if ends:
            assert world.process.wait(5) == 0
        else:
            with world.camera() as camera:
                camera.read(1.0)
                camera.read(1.0)


@pytest.mark.parametrize(
    ("option", "said"),
    [(["--fault", "frozn@1"], b"did you mean 'frozen'"), (["--fps", "0"], b"choose one like 30"),
     (["--seed", "-1"], b"0 or more"), (["--drop", "2"], b"probabilities")],
)  # fmt: skip
def test_options_that_make_no_sense_are_told_in_one_line(folder, option, said):
    result = subprocess.run([*SERVER, "--dir", str(folder), *QUICK, *option], capture_output=True, timeout=START_S)
    assert result.returncode == 1
    assert said in result.stderr
    assert result.stderr.count(b"\n") == 1


def test_a_folder_with_too_long_a_path_is_told(folder):
    deep = folder / ("d" * 100)
    result = subprocess.run([*SERVER, "--dir", str(deep), *QUICK], capture_output=True, timeout=START_S)
    assert result.returncode == 1
    assert b"a shorter path" in result.stderr


def test_it_starts_again_where_one_was_killed(folder):
    with Running(folder) as first:
        first.process.kill()
        first.process.wait()
        (folder / SOCKET).unlink()
        with Running(folder) as second, second.camera() as camera:
            assert camera.read(1.0).seq < 200


def test_the_camera_of_a_world_with_a_fault(folder):
    with Running(folder, "--fault", "lost@0.3") as world, world.camera() as camera:
        start_s = world.shared().start_s
        with pytest.raises(CameraTimeout):
            while True:
                frame = camera.read(0.2)
        assert frame.t_s < start_s + 0.31


def test_the_real_scenery_is_ready_soon_and_drawn_small(folder):
    pytest.importorskip("cv2")
    options = ["--look", "plain", "--ppm", "64", "--width", "32", "--height", "24"]
    with Running(folder, *options) as world, world.camera() as camera:
        image = camera.read(1.0).image
    assert image.shape == (24, 32, 3)
    assert image.std() > 5
