"""A line that says what is being done, and is gone when it is."""
from __future__ import annotations

import io

import pytest

from jetracer.cli.stage import stage


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_it_says_what_it_does_and_takes_it_back(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with pytest.raises(ValueError), stage("measuring"):
        assert terminal.getvalue() == "measuring ..."
        raise ValueError  # the line is taken back before the error is told
    assert terminal.getvalue().endswith("\r\033[K")


def test_elsewhere_nothing_is_said(capsys):
    with stage("measuring"):
        pass
    assert capsys.readouterr() == ("", "")
