"""The fault matrix holds: each fault ends in its state in time, each test and text that it names is there."""
from __future__ import annotations

import ast
from pathlib import Path

import pytest

from jetracer.safety import reasons as r
from tests.hil import faults

from . import processes
from .document import PAGE, ROOT, with_table
from .glass import shows, words
from .kernel import Kernel
from .rows import GROUPS

ROWS = [row for members in GROUPS.values() for row in members]
INJECTED = [row for row in ROWS if not isinstance(row.how, (str, Kernel))]
INSTANTS = 7  # the table has more: make matrix


@pytest.mark.parametrize("row", INJECTED, ids=lambda row: row.fault)
def test_a_fault_ends_in_its_state_in_time(row):
    real = row.how.__module__ == processes.__name__
    for number in range(1 if real else INSTANTS):
        found = row.how(number)
        assert not row.trouble(found)


def test_there_are_enough_of_them_and_each_is_there_once():
    assert len(ROWS) >= 40
    assert len({row.fault for row in ROWS}) == len(ROWS)


def test_every_reason_that_stops_the_car_has_a_row():
    missing = {reason.name for reason in r.REASONS if reason.kind != r.NOTICE} - {row.says for row in ROWS}
    assert not missing


@pytest.mark.parametrize("says", sorted({row.says for row in ROWS if row.says}))
def test_the_glass_says_so(says):
    assert 0 < len(words(says)) <= 21
    assert shows(says)


def test_the_tests_that_are_named_exist():
    for row in ROWS:
        if isinstance(row.how, str):
            path, _, name = row.how.partition("::")
            assert name in functions(ROOT / path), row.how


def test_the_cases_on_the_kernels_drivers_exist():
    known = {case.name: case for case in faults.CASES}
    for row in ROWS:
        if isinstance(row.how, Kernel):
            bound_ms = known[row.how.case].bound_ms
            assert row.bound_s == (None if bound_ms is None else pytest.approx(bound_ms / 1e3))


def functions(path: Path) -> set:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_has_the_same_table():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "write it with: python -m tests.faults.document"
