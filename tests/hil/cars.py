"""The car against the kernel's own drivers, in a virtual machine:   make hil   (or: python -m pytest tests/hil/cars.py)

Two guests side by side, a core each: the oldest Python tries everything, the others, one after the other, what may
differ. The results are read here, a test for each; the table of all of them is printed at the end and kept in
build/hil/hil.json.
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from tests.hil import guest
from tests.hil.image import Image, Unavailable, image
from tests.hil.pythons import ROOT, found
from tests.hil.suite import CASES

RESULTS = ROOT / "build" / "hil"
GUEST_S = 480.0  # a machine that others use too
PYTHONS = found()  # version: interpreter of its own virtual environment; the first gets all cases


def wanted(version: str) -> List[str]:
    return [one.name for one in CASES if one.everywhere or version == next(iter(PYTHONS))]


PAIRS: List[Tuple[str, str]] = [(version, name) for version in PYTHONS for name in wanted(version)]


@pytest.fixture(scope="session")
def rows() -> List[Dict[str, Any]]:
    """What the guest found; empty rows where it said nothing."""
    kernel = _image()
    shutil.rmtree(RESULTS, ignore_errors=True)
    for python in PYTHONS.values():  # once for all: the guest's file system forgets what it compiles
        subprocess.run([python, "-m", "compileall", "-q", "jetracer", "tests"], cwd=ROOT, check=True)
    first, *others = PYTHONS
    guests = [guest.Guest(kernel, [_suite(version) for version in versions], RESULTS / versions[0], ROOT)
              for versions in ([first], others) if versions]  # fmt: skip
    until_s = time.monotonic() + GUEST_S
    for running in guests:
        running.wait(until_s - time.monotonic())
    found_rows = [row for version in PYTHONS for path in RESULTS.glob(f"*/{version}.jsonl") for row in _read(path)]
    (RESULTS / "hil.json").write_text(json.dumps(found_rows, indent=1))
    return found_rows


def _image() -> Image:
    trouble = ""
    try:
        return image()
    except Unavailable as error:
        trouble = f"no virtual machine: {error}"
    if os.environ.get("CI"):
        pytest.fail(trouble, pytrace=False)
    pytest.skip(trouble)


def _suite(version: str) -> List[str]:
    short = [] if version == next(iter(PYTHONS)) else ["--short"]
    return [PYTHONS[version], "-m", "tests.hil.suite", f"{guest.OUT}/{version}.jsonl", *short]


def _read(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.timeout(GUEST_S + 60)
@pytest.mark.parametrize("version, name", PAIRS)
def test_on_the_kernels_own_drivers(version, name, rows):
    row = next((row for row in rows if row["python"].startswith(version + ".") and row["case"] == name), None)
    assert row is not None, f"the guest did not get there; see the console.log in {RESULTS}"
    assert row["ok"], row["trouble"]
