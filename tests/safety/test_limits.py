"""Limits that make no sense are refused."""
from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from jetracer.core.errors import ConfigError
from jetracer.safety.limits import Limits


def test_the_defaults():
    assert asdict(Limits()) == {
        "command_timeout_s": 0.10, "max_frame_age_s": 0.10, "max_pilot_age_s": 0.25, "max_unsure_s": 0.5,
        "min_confidence": 0.2, "needs_deadman": True, "max_throttle": 1.0, "steering_per_s": 15.0,
        "throttle_per_s": 2.0, "neutral_throttle": 0.05, "battery_cells": 3, "battery_warn_v": 3.5,
        "battery_limit_v": 3.3, "battery_stop_v": 3.1, "battery_throttle": 0.2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_frame_age_s": math.nan}, "max_frame_age_s = nan makes no sense; give a number from 0 up."),
        ({"max_pilot_age_s": math.inf}, "max_pilot_age_s = inf makes no sense; give a number from 0 up."),
        ({"steering_per_s": -1e-9}, "steering_per_s = -1e-09 makes no sense; give a number from 0 up."),
        ({"command_timeout_s": 0.0}, "command_timeout_s = 0.0 must lie in 0..1 s, above 0."),
        ({"command_timeout_s": 1.01}, "command_timeout_s = 1.01 must lie in 0..1 s, above 0."),
        ({"max_throttle": 1.01}, "max_throttle and battery_throttle are at most 1."),
        ({"battery_throttle": 1.5}, "max_throttle and battery_throttle are at most 1."),
        ({"battery_cells": 0}, "battery_cells = 0 makes no sense; most cars have 2 or 3."),
        ({"battery_stop_v": 3.4}, "battery_stop_v, battery_limit_v and battery_warn_v must rise in this order."),
        ({"battery_warn_v": 3.2}, "battery_stop_v, battery_limit_v and battery_warn_v must rise in this order."),
    ],
)
def test_what_makes_no_sense_is_refused(options, text):
    with pytest.raises(ConfigError) as caught:
        Limits(**options)
    assert str(caught.value) == text


def test_the_edges_are_allowed():
    Limits(command_timeout_s=1, max_throttle=0, battery_cells=1, battery_throttle=1.0, needs_deadman=False)
    Limits(battery_stop_v=3.3, battery_limit_v=3.3, battery_warn_v=3.3, max_unsure_s=0)
