"""The calibrations in `calibration/int8`: each is of a shipped model as it is now, and makes the same files again."""
from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[optimize]'")

from jetracer.engine.load import find_model, sha256_of
from jetracer.optimize.int8.make import FLAVOURS, table_from
from jetracer.optimize.int8.manifest import read_manifest
from jetracer.optimize.int8.quantise import quantise
from jetracer.optimize.run import read_model

ROOT = Path(__file__).resolve().parent.parent.parent.parent
KEPT = sorted((ROOT / "calibration" / "int8").glob("*.json"))


def made(path):
    """SHA-256 of each flavour's graph."""
    one = read_manifest(path)
    graph, _ = read_model(find_model(one.model[:-len(".onnx")]))
    return [hashlib.sha256(quantise(graph, one.table, flavour, one.keep, 7).graph.SerializeToString(deterministic=True)
                           ).hexdigest() for flavour in FLAVOURS]


def test_the_shipped_model_has_one():
    assert [path.name for path in KEPT] == ["road.int8.json"]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_it_is_of_the_shipped_model_as_it_is(path):
    one = read_manifest(path)  # refuses one that was changed by hand
    assert one.model_sha256 == sha256_of(find_model(one.model[:-len(".onnx")])), \
        f"the model was trained anew; so make it anew: {one.command}"
    assert one.frames["count"] >= 1000 and one.data == "simulated pictures"
    assert table_from(path, one.model_sha256)[0].ranges == one.table.ranges


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_it_makes_the_same_files_whatever_the_order_of_sets(path):
    code = f"from {__name__} import made\nprint(*made({str(path)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
                           env={**os.environ, "PYTHONHASHSEED": "1"})
    assert other.stdout.split() == made(path)
