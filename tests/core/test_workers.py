"""Ctrl-C and worker processes: they never hear it, whoever starts them does, and they end with his work."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from jetracer.core.workers import deaf_children, workers


def mask_of_a_child():
    """SIGINT's bit of what a child has blocked, as /proc says it."""
    done = subprocess.run(["grep", "SigBlk", "/proc/self/status"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1], 16) >> (signal.SIGINT - 1) & 1


def test_a_child_is_deaf_and_this_process_is_not():
    assert not mask_of_a_child()
    with deaf_children():
        assert mask_of_a_child()
    assert not mask_of_a_child() and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("by_a_thread", [False, True])
def test_one_pressed_meanwhile_is_heard_afterwards(by_a_thread):
    """Also where a thread, which has nothing blocked, takes the signal."""
    go, done = threading.Event(), []
    thread = threading.Thread(target=go.wait)
    if by_a_thread:
        thread.start()
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deaf_children():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("all of it")
        subprocess.run([sys.executable, "-c", ""], check=True)
        done.append("nothing was cut off")
    go.set()
    assert done == ["all of it", "nothing was cut off"] and signal.getsignal(signal.SIGINT) is handler


def test_in_a_thread_of_ones_own_and_with_an_error():
    with pytest.raises(ValueError), deaf_children():
        raise ValueError
    found = []

    def start():
        with deaf_children():
            found.append(mask_of_a_child())

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert found == [1]


def test_workers_are_deaf_and_work():
    with workers(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
        assert pool.submit(mask_of_a_child).result() == 1


@pytest.mark.parametrize("ended", [KeyboardInterrupt, ValueError])
def test_workers_end_at_once_with_whoever_started_them(ended):
    began = time.monotonic()
    with pytest.raises(ended), workers(2) as pool:
        at_hand = [pool.submit(time.sleep, 600.0) for _ in range(4)]
        raise ended
    assert time.monotonic() - began < 60.0
    assert all(one.cancelled() or one.exception() for one in at_hand)
