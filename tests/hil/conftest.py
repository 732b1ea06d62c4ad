"""Prints the table after the tests, also when some failed."""
from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path

_ERROR = re.compile(r"[\w.]+: ")  # the last line of a traceback begins with the error's name


def pytest_terminal_summary(terminalreporter):
    results = Path(__file__).resolve().parent.parent.parent / "build" / "hil" / "hil.json"
    ran = any("tests/hil/cars.py" in report.nodeid for reports in terminalreporter.stats.values() for report in reports
              if getattr(report, "when", "") == "call")  # fmt: skip
    if not ran or not results.exists():
        return
    for python, rows in groupby(json.loads(results.read_text()), lambda row: row["python"]):
        terminalreporter.section(f"Python {python}", sep="-")
        terminalreporter.line(f"{'':<5}{'what':<52}{'ms':>7}{'bound':>7}  state")
        for row in rows:
            mark = "ok" if row["ok"] else "FAIL"
            again = f"  (second try; the first: {_cause(row['first'])})" if row["tries"] > 1 else ""
            terminalreporter.line(f"{mark:<5}{row['case']:<52}{_ms(row['latency_ms']):>7}{_ms(row['bound_ms']):>7}  "
                                  f"{row['state']}{again}")  # fmt: skip


def _cause(trouble: str) -> str:
    """Its error, or the figure that was too large."""
    errors = [line for line in trouble.splitlines() if _ERROR.match(line) or line.endswith("allowed")]
    return errors[-1] if errors else "?"


def _ms(value) -> str:
    return "" if value is None else f"{value:g}"
