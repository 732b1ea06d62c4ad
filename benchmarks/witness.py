"""Sees when a core stands still: on a virtual machine the host may take one away, and no software in it can help.

One process per core, above every other priority, wakes every millisecond and notes when it could not.

    python -m benchmarks.witness CORE SECONDS        the pauses as JSON: [[from_s, to_s], ...], monotonic
"""
from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from typing import List, Optional

import numpy as np

from benchmarks.measure import ROOT

PAUSE_S = 0.002  # shorter ones cannot cost a deadline
_SLEEP_S = 0.001
_PRIORITY = 90  # SCHED_FIFO, above guard and drive


class Witness:
    """Runs on every core until `pauses` asks for what was seen; `close` ends it, whatever happened."""

    def __init__(self, seconds: float) -> None:
        command = [sys.executable, "-m", "benchmarks.witness"]
        self._processes = [
            subprocess.Popen([*command, str(core), str(seconds)], cwd=ROOT, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
            for core in sorted(os.sched_getaffinity(0))
        ]

    def pauses(self) -> Optional[np.ndarray]:
        """(N, 2) from, to in monotonic seconds, of all cores; None when it may not run above the others."""
        seen: List[List[float]] = []
        for process in self._processes:
            said = json.loads(process.communicate()[0] or "null")  # the end of its input ends it
            if said is None:
                return None
            seen += said
        return np.array(seen, float).reshape(-1, 2)

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def excused(frames_s: np.ndarray, period_s: float, pauses: np.ndarray) -> int:
    """How many of the frames exposed at `frames_s` had a core standing still before their deadline."""
    begins, ends = pauses[:, 0], pauses[:, 1]
    return sum(bool(((begins < t_s + period_s) & (ends > t_s)).any()) for t_s in frames_s)


def watch(core: int, seconds: float) -> Optional[List[List[float]]]:
    """Note the pauses of one core until the input ends, `seconds` at most; None when not permitted."""
    os.sched_setaffinity(0, {core})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except PermissionError:
        return None
    gc.disable()
    os.set_blocking(sys.stdin.fileno(), False)
    pauses: List[List[float]] = []
    last_s = time.monotonic()
    end_s = last_s + seconds
    while last_s < end_s and not _input_ended():
        time.sleep(_SLEEP_S)
        now_s = time.monotonic()
        if now_s - last_s > _SLEEP_S + PAUSE_S:
            pauses.append([last_s + _SLEEP_S, now_s])
        last_s = now_s
    return pauses


def _input_ended() -> bool:
    try:
        return not os.read(sys.stdin.fileno(), 1)
    except BlockingIOError:
        return False


if __name__ == "__main__":
    print(json.dumps(watch(int(sys.argv[1]), float(sys.argv[2]))))
