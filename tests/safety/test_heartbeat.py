"""Two ends that watch each other, on clocks that move only when told to."""
from __future__ import annotations

import pytest

from jetracer.safety.heartbeat import PERIOD_S, SILENCE_S, START_S, heartbeat_pair


@pytest.fixture
def pair():
    ours, theirs = heartbeat_pair()
    yield ours, theirs
    ours.close()
    theirs.close()


def run(now_s, seconds, *ends):
    alive = True
    for _ in range(round(seconds / PERIOD_S)):
        now_s += PERIOD_S
        alive = all([end.exchange(now_s) for end in ends])
    return now_s, alive


def test_two_that_live_hear_each_other(pair):
    ours, theirs = pair
    assert ours.heard is False
    assert ours.closed is False
    _, alive = run(0.0, 10.0, ours, theirs)
    assert alive
    assert ours.heard
    assert theirs.heard
    assert not ours.closed


def test_the_first_beat_may_take_long(pair):
    ours, _theirs = pair
    now_s, alive = run(0.0, START_S - 0.1, ours)
    assert alive
    assert ours.heard is False
    assert ours.closed is False
    _, alive = run(now_s, 0.2, ours)
    assert not alive
    assert not ours.closed


def test_one_that_is_stopped_is_noticed(pair):
    ours, theirs = pair
    now_s, _ = run(0.0, 1.0, ours, theirs)
    assert ours.exchange(now_s + 0.001)
    now_s, alive = run(now_s, SILENCE_S - 0.02, ours)
    assert alive
    now_s, alive = run(now_s, 0.03, ours)
    assert not alive
    assert not ours.closed
    theirs.exchange(now_s)  # it was only slow
    assert ours.exchange(now_s)


def test_a_suspended_machine_accuses_nobody(pair):
    ours, theirs = pair
    now_s, _ = run(0.0, 1.0, ours, theirs)
    now_s += 3600.0
    assert ours.exchange(now_s)
    assert theirs.exchange(now_s)
    _, alive = run(now_s, 1.0, ours, theirs)
    assert alive


def test_slow_turns_count_for_two_periods_each(pair):
    ours, theirs = pair
    now_s, _ = run(0.0, 1.0, ours, theirs)
    assert ours.exchange(now_s)
    beats = [ours.exchange(now_s + turn * 0.5) for turn in range(1, 6)]
    assert beats == [True, True, True, True, False]


def test_one_that_ends_is_noticed_at_once(pair):
    ours, theirs = pair
    now_s, _ = run(0.0, 0.1, ours, theirs)
    theirs.close()
    assert not ours.exchange(now_s)
    assert ours.closed is True
    assert not ours.exchange(now_s + 1.0)


def test_one_that_ends_without_having_read_is_noticed_too(pair):
    ours, theirs = pair
    ours.exchange(0.0)
    theirs.close()
    ours.exchange(1.0)
    assert ours.closed


def test_beats_are_not_sent_more_often_than_needed(pair):
    ours, theirs = pair
    for turn in range(100):
        ours.exchange(turn * 0.001)
    beats = 0
    theirs._end.setblocking(False)
    while True:
        try:
            beats += len(theirs._end.recv(16))
        except BlockingIOError:
            break
    assert 10 <= beats <= 11


def test_a_full_buffer_does_not_block(pair):
    ours, _theirs = pair
    for turn in range(5000):
        ours.exchange(turn * PERIOD_S * 0.95)
    assert not ours.closed


def test_an_end_that_is_gone_is_closed(pair):
    ours, _theirs = pair
    assert ours.fileno() >= 0
    ours.close()
    assert not ours.exchange(0.0)
    assert ours.closed is True
