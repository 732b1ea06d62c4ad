"""Tries the rows of the matrix: injects what has an injector, runs the tests of the others."""
from __future__ import annotations

import logging
from contextlib import redirect_stdout
from io import StringIO
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import pytest

from . import processes
from .kernel import Kernel
from .row import Row

GREEN, RED, SKIPPED = "green", "RED", "not run"
LATENCY = "latency_s"


class Result(NamedTuple):
    verdict: str
    times_s: Tuple[float, ...] = ()
    remark: str = ""


class Verdicts:
    """A plugin of pytest: what became of each test, by its id without parameters; the worst of them counts.

    A test tells a time that it has measured by `record_property("latency_s", seconds)`.
    """

    def __init__(self) -> None:
        self.found: Dict[str, Result] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        key = report.nodeid.partition("[")[0]
        before = self.found.get(key, Result(GREEN))
        if report.failed:
            self.found[key] = Result(RED, remark=f"{report.nodeid} failed")
        elif report.skipped and before.verdict != RED:
            self.found[key] = Result(SKIPPED, remark=str(report.longrepr[2] if report.longrepr else ""))
        elif report.when == "call":
            times_s = tuple(value for name, value in report.user_properties if name == LATENCY)
            self.found[key] = before._replace(times_s=before.times_s + times_s)


def measured(members: Sequence[Row], instants: int, real: int, say: Callable[[str], None]) -> List[Result]:
    """A result for each row: `instants` on virtual time, `real` of real processes. `say` is told where it is.

    What is red is tried once more, and the row says so: the machine may have stood still.
    """
    results = _once(members, instants, real, say)
    red = [row for row, result in zip(members, results) if result.verdict == RED]
    again = dict(zip(red, _once(red, instants, real, say)))
    return [_second(result, again[row]) if row in again else result for row, result in zip(members, results)]


def _second(first: Result, again: Result) -> Result:
    return again if again.verdict == RED else again._replace(remark=f"at the second try; {first.remark}")


def _once(members: Sequence[Row], instants: int, real: int, say: Callable[[str], None]) -> List[Result]:
    ids = sorted({row.how for row in members if isinstance(row.how, str)})
    say(f"{len(ids)} tests of the suite")
    by_id = _tested(ids)
    results = []
    for number, row in enumerate(members, 1):
        if isinstance(row.how, str):
            results.append(_in_time(row, by_id[row.how]))
        elif isinstance(row.how, Kernel):
            results.append(_in_time(row, _by_hil(row.how)))
        else:
            say(f"{number}/{len(members)} {row.fault}")
            results.append(_injected(row, real if row.how.__module__ == processes.__name__ else instants))
    return results


def _injected(row: Row, instants: int) -> Result:
    times_s: List[float] = []
    logging.disable()
    try:
        for number in range(instants):
            found = row.how(number)
            times_s.append(found.took_s)
            trouble = row.trouble(found)
            if trouble:
                return Result(RED, tuple(times_s), trouble)
    except Exception as error:  # one that cannot be injected is red, and the others have their turn
        return Result(RED, tuple(times_s), f"{type(error).__name__}: {error}")
    finally:
        logging.disable(logging.NOTSET)
    return Result(GREEN, tuple(times_s))


def _tested(ids: Sequence[str]) -> Dict[str, Result]:
    """Run these tests of the suite, without a word."""
    verdicts = Verdicts()
    if ids:
        with redirect_stdout(StringIO()):
            pytest.main(["--tb=no", "-p", "no:randomly", *ids], [verdicts])
    return {one: verdicts.found.get(one, Result(RED, remark="no such test")) for one in ids}


def _by_hil(case: Kernel) -> Result:
    found = case.found()
    if not found:
        return Result(SKIPPED, remark="make hil")
    times_s = tuple(row["latency_ms"] / 1e3 for row in found if row["latency_ms"] is not None)
    return Result(GREEN if all(row["ok"] for row in found) else RED, times_s)


def _in_time(row: Row, result: Result) -> Result:
    if row.bound_s is not None and any(took_s > row.bound_s for took_s in result.times_s):
        return result._replace(verdict=RED, remark=f"{1e3 * max(result.times_s):.1f} ms")
    return result
