"""Limits that make no sense are refused."""
from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from jetracer.core.errors import ConfigError
from jetracer.safety.limits import Limits


def test_the_defaults():
    assert asdict(Limits()) == {
        "command_timeout_s": 0.09, "max_frame_age_s": 0.085, "max_pilot_age_s": 0.25, "max_unsure_s": 0.5,
        "min_confidence": 0.2, "needs_deadman": True, "max_throttle": 1.0, "steering_per_s": 15.0,
        "throttle_per_s": 2.0, "neutral_throttle": 0.05, "battery_warn_v": 3.5, "battery_limit_v": 3.3,
        "battery_stop_v": 3.1, "battery_recover_v": 0.2, "battery_sag_s": 2.0, "brown_out_v": 2.5,
        "temperature_warn_c": 80.0, "temperature_limit_c": 87.0, "temperature_stop_c": 93.0,
        "temperature_recover_c": 5.0, "limited_throttle": 0.2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_frame_age_s": math.nan}, "max_frame_age_s = nan makes no sense; give a number from 0 up."),
        ({"max_pilot_age_s": math.inf}, "max_pilot_age_s = inf makes no sense; give a number from 0 up."),
        ({"steering_per_s": -1e-9}, "steering_per_s = -1e-09 makes no sense; give a number from 0 up."),
        ({"command_timeout_s": 0.0}, "command_timeout_s = 0.0 must lie in 0..1 s, above 0."),
        ({"command_timeout_s": 1.01}, "command_timeout_s = 1.01 must lie in 0..1 s, above 0."),
        ({"max_throttle": 1.01}, "max_throttle and limited_throttle are at most 1."),
        ({"limited_throttle": 1.5}, "max_throttle and limited_throttle are at most 1."),
        ({"temperature_stop_c": 86.0},
         "temperature_warn_c, temperature_limit_c and temperature_stop_c must rise in this order."),
        ({"temperature_warn_c": 88.0},
         "temperature_warn_c, temperature_limit_c and temperature_stop_c must rise in this order."),
        ({"battery_stop_v": 3.4}, "battery_stop_v, battery_limit_v and battery_warn_v must rise in this order."),
        ({"battery_warn_v": 3.2}, "battery_stop_v, battery_limit_v and battery_warn_v must rise in this order."),
    ],
)
def test_what_makes_no_sense_is_refused(options, text):
    with pytest.raises(ConfigError) as caught:
        Limits(**options)
    assert str(caught.value) == text


def test_the_edges_are_allowed():
    Limits(command_timeout_s=1, max_throttle=0, limited_throttle=1.0, needs_deadman=False)
    Limits(battery_stop_v=3.3, battery_limit_v=3.3, battery_warn_v=3.3, max_unsure_s=0)
    Limits(temperature_warn_c=90.0, temperature_limit_c=90.0, temperature_stop_c=90.0)
