"""A guard in processes of its own, and a program that drives with it, for tests that end them by force."""
from __future__ import annotations

import math
import resource
import signal
import sys
import time
from pathlib import Path

from jetracer.car.base import CarConfig
from jetracer.core.types import AUTOMATIC, NEUTRAL, Command, Pilot
from jetracer.safety.guard import GuardConfig
from jetracer.safety.limits import Limits
from jetracer.safety.start import join_guard, start_guard

NEUTRAL_US = 307 * 4.88  # the step of the PCA9685 that is nearest to 1500 us

CONFIG = GuardConfig(limits=Limits(max_pilot_age_s=5.0), realtime=False)
QUICK = CarConfig(settle_s=0.0)


def started(tmp_path, config=CONFIG, car=QUICK):
    return start_guard(f"sim:{tmp_path}/board", tmp_path / "s", config, car)


def pilot(arm=False):
    return Pilot(deadman=True, t_s=time.monotonic(), arm=arm)


def drive(client):
    """Arm by hand, again where a loaded machine made it miss the time limit, and drive; returns the newest decision."""
    until_s = time.monotonic() + 10.0
    decision = client.send(NEUTRAL, pilot=pilot())
    while decision.command != Command(0.5, 0.2):
        assert time.monotonic() < until_s, decision
        if not decision.armed:
            client.send(NEUTRAL, pilot=pilot())
            client.send(NEUTRAL, pilot=pilot(arm=True))
        decision = client.send(Command(0.5, 0.2), pilot=pilot())
        time.sleep(0.005)
    return decision


def neutral(board):
    return all(math.isclose(board.pulse_us(channel), NEUTRAL_US) for channel in (0, 1))


def gone(pid):
    """Ended, whether or not anybody has waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_until(condition, within_s=5.0):
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, "did not happen"
        time.sleep(0.002)


def out_of_memory(*_signal):
    """Take all there is, and fail as any program does."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20), resource.RLIM_INFINITY))
    taken = []
    while True:
        taken.append(bytearray(1 << 20))


def main():
    """Drive until killed; says the pids of guard and parent. SIGUSR1: run out of memory.

    python -m tests.safety.processes FOLDER [join]       with a guard of its own, or the one that runs there
    """
    folder = Path(sys.argv[1])
    guard = join_guard(folder / "s") if "join" in sys.argv else started(folder)
    client = guard.connect()
    drive(client)
    signal.signal(signal.SIGUSR1, out_of_memory)
    status = client.status()
    sys.stdout.write(f"{status.guard_pid} {status.parent_pid}\n")
    sys.stdout.flush()
    while True:
        time.sleep(0.01)
        now_s = time.monotonic()
        client.send(Command(0.5, 0.2), now_s, Pilot(deadman=True, mode=AUTOMATIC, t_s=now_s), 1.0)


if __name__ == "__main__":
    main()
