"""The matrix as the table of docs/safety.md:   python -m tests.faults.document      writes it anew"""
from __future__ import annotations

from pathlib import Path

from .glass import words
from .kernel import Kernel
from .row import Row
from .rows import GROUPS

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "safety.md"
BEGIN, END = "<!-- the fault matrix: python -m tests.faults.document -->", "<!-- end of the fault matrix -->"


def table() -> str:
    """Markdown. A test of the suite is named; `flows`, `rigs` and `processes` are where tests/faults injects."""
    lines = ["| fault | state | within | display | injected by |", "|---|---|---|---|---|"]
    for group, rows in GROUPS.items():
        lines += [f"| **{group}** | | | | |", *map(_line, rows)]
    return "\n".join(lines)


def _line(row: Row) -> str:
    within = "" if row.bound_s is None else f"{1e3 * row.bound_s:.0f} ms"
    return f"| {row.fault} | {row.state} | {within} | {words(row.says)} | {injected_by(row)} |"


def injected_by(row: Row) -> str:
    """A link to the test, or to the file of the injector."""
    if isinstance(row.how, str):
        path, _, test = row.how.partition("::")
        return f"[{test[len('test_'):].replace('_', ' ')}](../{path})"
    if isinstance(row.how, Kernel):
        return "[make hil](../tests/hil/faults.py)"
    name = row.how.__module__.rpartition(".")[2]
    return f"[{name}](../tests/faults/{name}.py)"


def with_table(page: str) -> str:
    """The page with the table as it is now."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
