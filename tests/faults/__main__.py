"""The fault matrix, injected and measured:   make matrix   (or: python -m tests.faults [--group processes])

Prints a table with the median and the worst time from each fault to the state that it has to end in; exit status 1 when
a row is red.
"""
from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from typing import Callable, List, Tuple

from .glass import words
from .kernel import RESULTS, Kernel
from .measure import GREEN, RED, SKIPPED, Result, measured
from .row import Row
from .rows import GROUPS

HEAD = f"{'fault':<64} {'display':<20} {'within':>6} {'median':>8} {'worst':>8} {'n':>3}  ms"


def line(row: Row, result: Result) -> str:
    times_s = result.times_s
    median, worst = (f"{1e3 * pick(times_s):.1f}" if times_s else "" for pick in (statistics.median, max))
    bound = "" if row.bound_s is None else f"{1e3 * row.bound_s:.0f}"
    figures = f"{bound:>6} {median:>8} {worst:>8} {len(times_s) or '':>3}"
    return f"  {row.fault:<62} {words(row.says):<20} {figures}  {result.verdict} {result.remark}".rstrip()


def progress() -> Callable[[str], None]:
    """Says on this terminal where the run is. Guards that are killed on purpose have nothing to say there."""
    terminal = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    def say(text: str) -> None:
        if terminal.isatty():
            terminal.write(f"\r\033[K{text[:100]}")
            terminal.flush()

    return say


def show(found: List[Tuple[Row, Result]]) -> None:
    print(HEAD)
    results = dict(found)
    for group, rows in GROUPS.items():
        own = [row for row in rows if row in results]
        if own:
            print(group)
        for row in own:
            print(line(row, results[row]))
    if RESULTS.exists() and any(isinstance(row.how, Kernel) for row, _ in found):
        print(f"the kernel's own drivers: make hil of {time.ctime(RESULTS.stat().st_mtime)}")
    count = {verdict: sum(result.verdict == verdict for _, result in found) for verdict in (GREEN, RED, SKIPPED)}
    print(f"{len(found)} faults: {count[GREEN]} green, {count[RED]} red, {count[SKIPPED]} not run here")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--group", choices=GROUPS, help="only these")
    parser.add_argument("--instants", type=int, default=21, help="of each fault on virtual time")
    parser.add_argument("--real", type=int, default=3, help="of each fault of real processes")
    options = parser.parse_args()
    members = [row for group, rows in GROUPS.items() for row in rows if options.group in (None, group)]
    say = progress()
    results = measured(members, options.instants, options.real, say)
    say("")
    show(list(zip(members, results)))
    return 1 if any(result.verdict == RED for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
