"""What is tried in the guest: named cases, each with what it found, how long that took and how long it may take."""
from __future__ import annotations

import time
import traceback
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from tests.hil.rig import Rig


class Found(NamedTuple):
    """`state` is what was reached, in words; `latency_s` from the fault on, None where nothing is timed."""

    state: str
    latency_s: Optional[float] = None


class Case(NamedTuple):
    """`run` raises AssertionError or any other error where it found something else."""

    name: str
    run: Callable[[Rig], Found]
    bound_ms: Optional[float]
    everywhere: bool  # on every Python, not only on the first


class Cases(List[Case]):
    """The cases of a module, in order."""

    def add(self, name: str, bound_ms: Optional[float] = None, everywhere: bool = False) -> Callable:
        """Decorator: register a function as a case."""

        def register(run: Callable[[Rig], Found]) -> Callable[[Rig], Found]:
            self.append(Case(name, run, bound_ms, everywhere))
            return run

        return register


def tried(one: Case, rig: Rig) -> Dict[str, Any]:
    """A row of the table. What failed is tried once more, and the row says so: an emulated core may stand still."""
    row = _row(one, rig)
    if not row["ok"]:
        again = _row(one, rig)
        row = {**again, "tries": 2, "first": row["trouble"]}
    return row


def _row(one: Case, rig: Rig) -> Dict[str, Any]:
    start_s = time.monotonic()
    row: Dict[str, Any] = {"case": one.name, "state": "", "latency_ms": None, "bound_ms": one.bound_ms, "ok": False,
                           "tries": 1, "trouble": ""}  # fmt: skip
    try:
        found = one.run(rig)
    except Exception:  # one case that fails leaves the others their turn
        row["trouble"] = traceback.format_exc() + (rig.drive.log if rig.drive is not None else "")
        rig.end_drive()
    else:
        row["state"] = found.state
        row["latency_ms"] = None if found.latency_s is None else round(1000 * found.latency_s, 1)
        row["ok"] = one.bound_ms is None or 1000 * found.latency_s <= one.bound_ms
        row["trouble"] = "" if row["ok"] else f"{row['latency_ms']} ms, {one.bound_ms} allowed"
    row["took_s"] = round(time.monotonic() - start_s, 1)
    return row
