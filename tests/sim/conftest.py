"""A folder for a simulated world, and a quick world in it."""
from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from .running import Running


@pytest.fixture
def folder():
    path = tempfile.mkdtemp(prefix="world-")  # the paths of pytest's own folders may be too long for a socket
    yield Path(path)
    shutil.rmtree(path)


@pytest.fixture
def world(folder):
    with Running(folder) as running:
        yield running
