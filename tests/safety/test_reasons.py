"""The table of reasons: short enough for the display, and as numbers and back."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetracer.core.types import Stop
from jetracer.safety import reasons as r


def test_every_text_fits_the_display_and_says_what_to_do():
    for reason in r.REASONS:
        assert 0 < len(reason.text) <= 21
        assert reason.text == reason.text.upper()
        assert reason.sentence.endswith(".")
        assert reason.next_step
        assert reason.kind in (r.NOTICE, r.STOP, r.LATCH)


def test_names_are_unique_and_found():
    assert len({reason.name for reason in r.REASONS}) == len(r.REASONS) <= 32
    for place, reason in enumerate(r.REASONS):
        assert r.reason(reason.name) is reason
        assert r.BIT[reason.name] == 1 << place
        assert r.stops(1 << place) == (Stop(reason.name, reason.text),)
    with pytest.raises(KeyError):
        r.reason("nothing")


def test_which_reasons_latch_and_which_stop():
    latching = {stop.reason for stop in r.stops(r.LATCHING)}
    assert latching == {"estop", "bus_fault", "brown_out", "battery_stop", "hot_stop", "watchdog",
                        "stale_frame"}
    stopping = {stop.reason for stop in r.stops(r.STOPPING)}
    assert stopping == latching | {"stale_pilot", "deadman", "not_finite", "unsure", "not_armed"}


def test_which_reasons_are_let_go_later_than_they_begin():
    levels = {stop.reason for stop in r.stops(r.LEVELS)}
    assert levels == {f"{what}_{level}" for what in ("battery", "hot") for level in ("stop", "limit", "warn")}


def test_the_constants_are_the_bits_of_their_names():
    for name, bit in r.BIT.items():
        assert getattr(r, name.upper()) == bit


@given(st.integers(0, 2 ** len(r.REASONS) - 1))
def test_a_number_survives_the_way_to_stops_and_back(number):
    stops = r.stops(number)
    assert r.bits(stops) == number
    order = [reason.name for reason in r.REASONS]
    assert [stop.reason for stop in stops] == sorted((stop.reason for stop in stops), key=order.index)


def test_bits_without_a_reason_are_left_out():
    assert r.stops(1 << 40 | r.ESTOP) == r.stops(r.ESTOP)
    assert r.stops(0) == ()
