"""Spoilt pictures are pictures, and show no lane."""
from __future__ import annotations

import numpy as np
import pytest

from jetracer.train.junk import KINDS, black, spoil, upside_down, white


def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_keeps_the_shape_and_repeats(kind):
    first = kind(picture(), np.random.default_rng(5))
    second = kind(picture(), np.random.default_rng(5))
    assert first.shape == (224, 224, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first, picture())


def test_dark_is_dark_and_bright_is_bright():
    assert black(picture(), np.random.default_rng(0)).max() < 25
    assert white(picture(), np.random.default_rng(0)).min() > 230


def test_upside_down_twice_is_upright():
    source = np.random.default_rng(0)
    assert np.array_equal(upside_down(upside_down(picture(), source), source), picture())


def test_all_kinds_come_by_chance():
    source = np.random.default_rng(2)
    assert len({spoil(picture(), source).tobytes() for _ in range(12)}) == 12
