"""The camera of a simulated world that runs as a process of its own."""
from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from jetracer.camera import CSICamera
from jetracer.camera.base import CameraConfig
from jetracer.core.errors import CameraError, CameraTimeout
from jetracer.sim.camera import SOCKET, SimCamera, world_dir
from jetracer.sim.notices import Notifier

from .running import Running


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


def test_the_camera_of_a_world_with_a_fault(folder):
    with Running(folder, "--fault", "lost@0.3") as world, world.camera() as camera:
        start_s = world.shared().start_s
        with pytest.raises(CameraTimeout):
            while True:
                frame = camera.read(0.2)
        assert frame.t_s < start_s + 0.31


def test_a_notebooks_camera_sees_the_simulated_world(world, monkeypatch):
    monkeypatch.setenv("JETRACER_CAMERA", f"sim:{world.folder}")
    with CSICamera(width=32, height=24) as camera:
        first_s = camera.value_t_s
        assert camera.value.shape == (24, 32, 3)
        assert camera.read() is camera.value
        assert camera.value_t_s > first_s
