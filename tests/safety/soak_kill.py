"""Kill or stop every process at random instants:   python -m tests.safety.soak_kill [--instants 200]

Each round starts a whole simulated drive, waits a random time, sends SIGKILL or SIGSTOP to one of its processes and
reads the virtual PCA9685 until it says neutral. Then, unless --no-commands, a million commands of every kind (see
test_any_commands). Prints one line of JSON; exit status 1 when one round took longer than the limit.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Type

from tests.faults.systems import Bare, Drive, System, moving, until_neutral

LIMIT_S = 0.150
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}


def one_round(kind: Type[System], victim: str, number: int) -> float:
    """Seconds from the signal to neutral registers."""
    with moving(kind, random.uniform(0.0, 0.5)) as system:
        start_s = time.monotonic()
        os.kill(system.pids[victim], number)
        return until_neutral(system.board, start_s)


def soak(kind: Type[System], instants: int, seed: int) -> dict:
    random.seed(seed)
    taken: Dict[str, List[float]] = {}
    for turn in range(instants):
        victim = kind.victims[turn % len(kind.victims)]
        name = random.choice(list(SIGNALS))
        taken.setdefault(f"{name} {victim}", []).append(1000 * one_round(kind, victim, SIGNALS[name]))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{turn + 1}/{instants}")
    every = [ms for times in taken.values() for ms in times]
    return {"system": kind.__name__.lower(), "instants": instants, "seed": seed, "limit_ms": 1000 * LIMIT_S,
            "worst_ms": max(every), "median_ms": statistics.median(every),
            "too_late": sum(ms > 1000 * LIMIT_S for ms in every),
            "by_case": {case: {"n": len(times), "median_ms": statistics.median(times), "worst_ms": max(times)}
                        for case, times in sorted(taken.items())}}  # fmt: skip


def million_commands() -> bool:
    test = str(Path(__file__).with_name("test_any_commands.py"))
    environment = {**os.environ, "JETRACER_COMMANDS": "1000000"}
    return subprocess.run([sys.executable, "-m", "pytest", "--timeout", "0", test], env=environment, stdout=sys.stderr,
                          check=False).returncode == 0  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bare", action="store_true", help="guard and a small driver only, no world and no camera")
    parser.add_argument("--no-commands", action="store_true", help="leave the million commands out")
    options = parser.parse_args()
    result = soak(Bare if options.bare else Drive, options.instants, options.seed)
    if not options.no_commands:
        result["million_commands"] = "passed" if million_commands() else "FAILED"
    print(json.dumps(result))
    return 1 if result["too_late"] or result.get("million_commands") == "FAILED" else 0


if __name__ == "__main__":
    sys.exit(main())
