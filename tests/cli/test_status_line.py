"""The live line fits the terminal, and says first what matters most."""
from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace

import pytest

from jetracer.cli import status_line
from jetracer.cli.status_line import columns, line_of
from jetracer.core.types import Command, Decision, Frame, Pilot, Scene, Step, Stop

Truth = namedtuple("Truth", "lap speed_mps lateral_m")
RECORDING = SimpleNamespace(error="", dropped=0, on=True, pictures=151)


def step(*stops):
    command = Command(0.5, 0.29)
    return Step(Frame(None, 1.0, 1), Scene(1.0, None, (), 0.99), Pilot(mode="automatic", limit=0.5, trim=0.02), command,
                Decision(command, stops, True, 1.012), 1.01)


def test_where_there_is_room_all_is_said():
    line = line_of(step(), Truth(0, 1.49, 0.02), RECORDING)
    for part in ("automatic", "throttle +0.29", "of 50%", "trim +0.02", "sure  99%", "lap 1", "1.49 m/s", "2 cm left",
                 "age  12 ms", "REC 151"):
        assert part in line


@pytest.mark.parametrize("most", [79, 59, 39, 20, 5])
def test_it_is_no_longer_than_the_terminal_is_wide(most):
    line = line_of(step(Stop("stale_frame", "CAMERA TOO OLD")), Truth(0, 1.49, 0.02), RECORDING, most)
    assert len(line) <= most
    assert "CAMERA TOO OLD"[:most] in line


def test_what_matters_least_goes_first():
    line = line_of(step(), Truth(0, 1.49, 0.02), RECORDING, 79)
    assert "age" not in line and "left" not in line and "1.49 m/s" in line and "REC 151" in line


def test_no_terminal_counts_as_the_usual_one(monkeypatch):
    monkeypatch.setattr(status_line.sys, "stderr", SimpleNamespace(fileno=lambda: -1))
    assert columns() == 80
