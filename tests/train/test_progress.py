"""The bar of a long job."""
from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")

from jetracer.train.fit import JUDGED_BY, Progress
from jetracer.train.progress import Bar


def test_it_ends_with_a_new_line():
    said = []
    bar = Bar(said.append, "work")
    bar(Progress(1, 2, 0.5))
    bar(Progress(2, 2, 0.25, {JUDGED_BY: 3.21}))
    assert "2/2 loss 0.2500, 3.2 px" in said[-2]
    assert said[-1] == "\n"


def test_where_nobody_looks_it_says_ten_lines():
    said = []
    bar = Bar(said.append, "work", live=False)
    for step in range(1, 101):
        bar(Progress(step, 100))
    assert len(said) == 10
    assert all(line.endswith("\n") and "\r" not in line for line in said)


def test_a_live_line_fits_a_terminal_of_80_columns():
    said = []
    bar = Bar(said.append, "validation data")
    bar(Progress(1, 98765, 0.0784, {JUDGED_BY: 103.2}))
    bar.shown_s = 0.0
    bar(Progress(98764, 98765, 0.0784))
    assert "103.2 px" in said[-1] and "[####" in said[-1]
    assert max(len(line.strip("\r")) for line in said) < 80
