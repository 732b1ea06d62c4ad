"""Errors after which the process lives on: each hook once, and what was there is still called."""
from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest

from jetracer.drive import mishap


@pytest.fixture
def calls(monkeypatch):
    calls = []
    monkeypatch.setattr(mishap, "_WATCHED", [])
    for owner in (sys, threading):
        monkeypatch.setattr(owner, "excepthook", owner.excepthook)  # put back afterwards
    return calls


@pytest.mark.parametrize("owner", [sys, threading])
def test_the_stop_comes_before_the_error_is_shown(calls, owner, monkeypatch):
    # only now: pytest has a hook of its own while the test runs
    monkeypatch.setattr(owner, "excepthook", lambda *arguments: calls.append("shown"))

    def stop():
        calls.append("stop")

    mishap.watch(stop)
    mishap.watch(stop)
    owner.excepthook(ValueError, ValueError("x"), None)
    assert calls == ["stop", "shown"]


def test_a_shell_that_comes_later_is_watched_too(calls, monkeypatch):
    hooks = []
    shell = SimpleNamespace(events=SimpleNamespace(register=lambda event, hook: hooks.append(hook)))

    def stop():
        calls.append("stop")

    mishap.watch(stop)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    mishap.watch(stop)
    assert hooks == []
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    mishap.watch(stop)
    mishap.watch(stop)
    (hook,) = hooks
    hook(SimpleNamespace(error_before_exec=None, error_in_exec=None))
    assert calls == []
    hook(SimpleNamespace(error_before_exec=SyntaxError(), error_in_exec=None))
    assert calls == ["stop"]
