"""What TensorBoard is told."""
from __future__ import annotations

import sys

import pytest

pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.train.board import board
from jetracer.train.fit import Progress, unwatched


def test_nothing_is_told_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert board(tmp_path / "board") is unwatched


def test_loss_and_validation_are_written(tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install tensorboard")
    note = board(tmp_path / "board")
    assert not (tmp_path / "board").exists()
    note(Progress(1, 2, 0.5))
    note(Progress(2, 2, 0.25, {"aim_px_mean": 12.0}))
    [file] = (tmp_path / "board").iterdir()
    assert b"validation/aim_px_mean" in file.read_bytes()
