"""Two processes, as torchrun starts them, train as one process with twice the batch does."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
import numpy as np, torch
from jetracer.models.road_net import RoadNet, RoadNetConfig
from jetracer.train.augment import AugmentConfig
from jetracer.train.config import TrainConfig
from jetracer.train.ddp import team
from jetracer.train.fit import fit
from jetracer.train.pictures import PictureSet

random = np.random.default_rng(0)
labels = np.ones((192, 5), np.float32)
labels[:, :2] = random.uniform(-0.8, 0.8, (192, 2))
pictures = np.full((192, 112, 112, 3), 90, np.uint8)
for picture, (x, y, *_) in zip(pictures, labels):
    row, column = int(56 * (y + 1)), int(56 * (x + 1))
    picture[row - 6:row + 6, column - 6:column + 6] = 250
torch.manual_seed(1)
net = RoadNet(RoadNetConfig(8, (8, 16, 24), (0, 0, 0), 16))
plain = AugmentConfig(flip=0, gain_sigma=0, colour_sigma=0, offset_sigma=0, saturation=(1, 1), patch=0)  # no chance
config = TrainConfig(epochs=2, batch=int(sys.argv[1]), peak_rate=1e-3, augment=plain)
with team() as ours:
    result = fit(net, PictureSet(pictures, labels, ()), config, team=ours)
    if ours.leads:
        print(json.dumps([ours.size, *(entry["loss"] for entry in result.history)]))
"""


def run(tmp_path, *launcher, batch):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, *launcher, str(program), str(batch)],
                          env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_processes_lose_as_one_with_twice_the_batch(tmp_path):
    size, *alone = run(tmp_path, batch=32)
    assert size == 1
    size, *together = run(tmp_path, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", batch=16)
    assert size == 2
    assert together == pytest.approx(alone, rel=0.01)
