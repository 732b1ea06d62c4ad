"""Frames and truth in shared memory."""
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from jetracer.core.errors import CameraError
from jetracer.sim.referee import Truth
from jetracer.sim.shared import SharedWorld

from .running import wait_for


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
    reader = SharedWorld.attach(path)
    writer = subprocess.Popen([sys.executable, "-c", code, path])
    try:
        wait_for(lambda: reader.newest() is not None, writer)
        seqs = set()
        while len(seqs) < 100:
            image, t_s, seq = reader.newest()
            assert (image == seq % 251).all()
            assert t_s == seq
            seqs.add(seq)
    finally:
        writer.kill()
        writer.wait()
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
