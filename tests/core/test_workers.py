"""Ctrl-C while worker processes are started: they never hear it, and whoever starts them does, afterwards."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from jetracer.core.workers import deaf_children


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
