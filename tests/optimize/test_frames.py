"""Simulated pictures to optimise on: none of a track that the parity gate then judges by."""
from __future__ import annotations

import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[optimize]'")

from benchmarks import gate
from jetracer.drive.probes import SEEDS
from jetracer.optimize import frames
from jetracer.optimize.int8 import frames as choosing
from jetracer.sim.track import VALIDATION_SEEDS

MANY = 100_000  # pictures; more than anybody asks for


def test_the_pictures_are_of_these_tracks(monkeypatch):
    drawn, generate = [], frames.generate
    monkeypatch.setattr(frames, "generate", lambda seed: drawn.append(seed) or generate(seed))
    assert len(frames.simulated(17)) == 17
    assert drawn == list(frames.tracks(17)) == [frames.FIRST_SEED, frames.FIRST_SEED + 1]
    assert list(frames.tracks(16, 5)) == [5]


def test_no_picture_that_calibrates_is_of_a_track_of_the_gate(monkeypatch):
    seen = set(frames.tracks(MANY))
    assert seen <= set(VALIDATION_SEEDS), "what scores are reported on is not tuned on"
    monkeypatch.setattr(choosing, "drawn", lambda count, first: seen.update(frames.tracks(count, first)) or [])
    for count in (1, choosing.ENOUGH, MANY):
        choosing._simulated(count)
    seen.update(frames.tracks(gate.FRAMES, gate.SEED))
    assert not seen & set(SEEDS)
