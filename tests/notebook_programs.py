"""Small programs that hold a race car and then come to an end, each in a way of its own.

    python -m tests.notebook_programs HOW BOARD
"""
from __future__ import annotations

import os
import sys
import threading
import time

from jetracer.nvidia_racecar import NvidiaRacecar


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def wait_to_be_killed():
    time.sleep(60)


def thread_fails():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    say(f"throttle {car.throttle}")


def fork():
    pid = os.fork()
    if not pid:
        sys.exit(0)  # with all that runs at an exit
    os.waitpid(pid, 0)
    time.sleep(0.2)
    say(f"throttle {car.throttle}")


def forget():
    global car  # noqa: PLW0603
    car = None
    say("forgotten")


ENDS = {"killed": wait_to_be_killed, "thread": thread_fails, "fork": fork, "exit": lambda: None, "forget": forget}

if __name__ == "__main__":
    car = NvidiaRacecar(bus=f"sim:{sys.argv[2]}")
    car.throttle = 0.3
    time.sleep(0.3)  # until the guard has let all of it through
    say("driving")
    ENDS[sys.argv[1]]()
    if sys.argv[1] in ("thread", "fork", "forget"):
        sys.stdin.readline()
