"""The loop and a camera that fails."""
from __future__ import annotations

import math

import numpy as np
import pytest

from jetracer.core.clock import FakeClock
from jetracer.core.errors import CameraError, CameraTimeout
from jetracer.core.types import NEUTRAL, Decision, Frame, Pilot, Scene
from jetracer.drive.loop import Driver, run


class Parts:
    """Stands for every part of the loop; the camera plays `news`, the guard notes what it is told of the picture."""

    def __init__(self, news):
        self.news, self.told = list(news), []
        self.driver = Driver(self, self, self, self, self, FakeClock(10.0))

    def read(self, _timeout_s):
        news = self.news.pop(0)
        if isinstance(news, Exception):
            raise news
        return Frame(np.zeros((2, 2, 3), np.uint8), news, 0)

    def perceive(self, frame):
        return Scene(frame.t_s)

    def decide(self, *_):
        return NEUTRAL

    def poll(self):
        return Pilot()

    choose, sent = decide, decide

    def send(self, _command, frame_t_s, _pilot, _confidence):
        self.told.append(frame_t_s)
        return Decision()


def told(*news):
    parts = Parts(news)
    run(parts.driver, parts, [], lambda _step: not parts.news)
    return parts.told


def test_a_silent_camera_leaves_the_guard_to_judge_the_age_of_the_picture():
    assert told(1.0, CameraTimeout("silent"), 2.0) == [1.0, 1.0, 2.0]


def test_a_camera_that_fails_is_told_at_once_and_until_it_works_again():
    lost = -math.inf
    assert told(1.0, CameraError("unplugged"), CameraTimeout("opening again"), 2.0) == [1.0, lost, lost, 2.0]


def test_a_camera_that_stays_away_ends_the_drive():
    with pytest.raises(CameraError, match="for good"):
        told(-1.0, CameraError("for good"), 1.0)
