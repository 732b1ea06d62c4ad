"""A guard in processes of its own, and a program that drives with it, for tests that end them by force."""
from __future__ import annotations

import math
import sys
import time
from pathlib import Path

from jetracer.car.base import CarConfig
from jetracer.core.types import AUTOMATIC, NEUTRAL, Command, Pilot
from jetracer.safety.guard import GuardConfig
from jetracer.safety.limits import Limits
from jetracer.safety.start import start_guard

NEUTRAL_US = 307 * 4.88  # the step of the PCA9685 that is nearest to 1500 us

CONFIG = GuardConfig(limits=Limits(max_pilot_age_s=5.0), realtime=False)
QUICK = CarConfig(settle_s=0.0)


def started(tmp_path, config=CONFIG, car=QUICK):
    return start_guard(f"sim:{tmp_path}/board", tmp_path / "s", config, car)


def pilot(arm=False):
    return Pilot(deadman=True, t_s=time.monotonic(), arm=arm)


def drive(client):
    """Arm by hand and drive; returns the newest decision."""
    client.send(NEUTRAL, pilot=pilot())
    client.send(NEUTRAL, pilot=pilot(arm=True))
    until_s = time.monotonic() + 5.0
    decision = client.send(Command(0.5, 0.2), pilot=pilot())
    while decision.command != Command(0.5, 0.2):
        assert time.monotonic() < until_s
        time.sleep(0.005)
        decision = client.send(Command(0.5, 0.2), pilot=pilot())
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


def main():
    """Drive until killed; says the pids of guard and parent."""
    guard = started(Path(sys.argv[1]))
    client = guard.connect()
    drive(client)
    sys.stdout.write(f"{guard.guard_pid} {guard.parent_pid}\n")
    sys.stdout.flush()
    while True:
        time.sleep(0.01)
        now_s = time.monotonic()
        client.send(Command(0.5, 0.2), now_s, Pilot(deadman=True, mode=AUTOMATIC, t_s=now_s), 1.0)


if __name__ == "__main__":
    main()
