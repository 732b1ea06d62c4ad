"""Machines to examine."""
from __future__ import annotations

import pytest

from tests.doctor.machines import MACHINES


@pytest.fixture
def machine(tmp_path):
    """`machine("nano")` is a new one."""
    made = []

    def make(name):
        made.append(MACHINES[name](tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        one.dispose()
