"""How fast a Donkey tub is read, and made into a labelled set of our own (`jetracer data import`)."""
from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np

from benchmarks.measure import table, verdict
from jetracer.core.types import Command
from jetracer.data.convert import convert
from jetracer.data.formats.base import read, write
from jetracer.data.picture import Picture
from jetracer.data.sample import Sample

RECORDS, QUICK_RECORDS, GOAL_PER_S = 10_000, 1_000, 2000.0
KINDS = 20  # different pictures, Donkey's size


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"records", "read_per_s", "import_per_s"}; pictures are checked at both ends, not decoded."""
    del road
    count = QUICK_RECORDS if quick else RECORDS
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder:
        tub = Path(folder) / "tub"
        write(_samples(Path(folder), count), tub, "tub")
        begun_s = time.perf_counter()
        found = len(read(tub).samples)
        read_s = time.perf_counter() - begun_s
        begun_s = time.perf_counter()
        kept = convert([str(tub)], str(Path(folder) / "set"), "labelled")["records"]
        import_s = time.perf_counter() - begun_s
    return {"records": min(found, kept), "read_per_s": round(found / read_s), "import_per_s": round(kept / import_s)}


def _samples(folder: Path, count: int) -> list:
    rng = np.random.default_rng(0)
    pictures = []
    for kind in range(KINDS):
        path = folder / f"{kind}.jpg"
        patches = rng.integers(0, 256, (12, 16, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(patches, (160, 120), interpolation=cv2.INTER_CUBIC))
        pictures.append(Picture(path.name, path))
    return [Sample(pictures[at % KINDS], command=Command(np.sin(at / 40.0), 0.3), t_s=1.7e9 + at / 20.0, session="a")
            for at in range(count)]


def show(result: Dict[str, Any]) -> str:
    rows = [["read and checked", result["read_per_s"]], ["imported (read, copied, labels.csv)", result["import_per_s"]]]
    slowest = min(result["read_per_s"], result["import_per_s"])
    return "\n".join([table(rows, [f"tub of {result['records']} records", "records/s"]),
                      verdict(f"a tub is imported at >= {GOAL_PER_S:.0f} records/s", slowest >= GOAL_PER_S)])
