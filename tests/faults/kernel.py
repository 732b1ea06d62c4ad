"""Faults on the kernel's own drivers: `make hil` injects them in a virtual machine; here is what it found."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

RESULTS = Path(__file__).resolve().parents[2] / "build" / "hil" / "hil.json"  # as tests/hil/cars.py writes it


class Kernel(NamedTuple):
    """A case of tests/hil/faults.py, by its name."""

    case: str

    def found(self) -> List[Dict[str, Any]]:
        """A row of results for each Python that tried it; none where `make hil` has not run."""
        if not RESULTS.exists():
            return []
        return [row for row in json.loads(RESULTS.read_text(encoding="utf-8")) if row["case"] == self.case]
