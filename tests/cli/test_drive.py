"""What `jetracer drive` tells at its end."""
from __future__ import annotations

from jetracer.cli.data import words
from jetracer.cli.drive import _stops_told, _told


def test_a_stop_is_told_once_with_its_next_step():
    names = ("not_armed", "stale_frame", "stale_frame")
    stops = [{"reason": name, "t_s": t_s} for name, t_s in zip(names, (7.8, 7.8, 9.0))]
    assert _stops_told(stops) == ["Stopped at 7.8 s and 1 more: The newest picture is too old to drive by. "
                                  "Check the camera and the load of the computer, then arm again."]
    assert _stops_told(stops[:1]) == ["Stopped at 7.8 s: The car is not armed. Arm it when everybody is clear."]


def test_figures_are_told_in_words():
    assert words({"counts": [1, 2], "left": 42, "mean": 0.30714}) == "left 42, mean 0.3071"
    assert words({"runs/A": {"format": "session", "records": 9}}) == "runs/A format session, records 9"


def test_a_busy_computer_is_told_from_a_fault_on_purpose():
    summary = {"ended": "stopped", "laps": 1, "distance_m": 2.0, "duration_s": 3.0, "off_track": 1, "collisions": 0,
               "stops": [{"reason": "stale_frame", "t_s": 0.7}], "loop": {"frame_age_ms": {"p50": None}},
               "run": "runs/1", "recording": {"error": "", "dropped": 0, "wanted": "all", "undone": 0}}
    assert "off track 1 time, 0 collisions." in _told(summary)
    assert "too busy to simulate in real time" in _told(summary, sound=True)
    assert "too busy" not in _told(summary)
    assert "too busy" not in _told({**summary, "stops": [{"reason": "estop", "t_s": 0.7}]}, sound=True)
