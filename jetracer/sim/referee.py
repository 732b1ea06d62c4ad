"""Who knows where the car really is: laps, excursions, collisions, and whether the car still races.

Off the track is a car whose centre of gravity is farther from the centre line than half the lane. It has
failed (`survived` is False) when it is more than 0.3 m beyond the edge. Progress counts along the centre
line in driving direction, backwards negative; a lap is full when the progress has grown by the track's
length, so neither turning round at the line nor a short cut across the floor makes one.
"""
from __future__ import annotations

from typing import Iterable, NamedTuple, Optional

from jetracer.sim.track import Track, TrackPosition

FAILED_BEYOND_M = 0.3
_BACK_INSIDE_M = 0.02  # an excursion ends this far inside the edge, so that driving along it is one
_SHORT_CUT_M = 0.5  # a jump along the line between two looks that no car can make


class Truth(NamedTuple):
    """What really is, at `t_s`. x, y and yaw are those of the rear axle; lateral, s and off-track of the
    CG."""

    t_s: float
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    lateral_m: float  # of the centre line, + left
    half_width_m: float
    s_m: float  # along the centre line
    distance_m: float  # net way along the centre line since the start
    lap: int  # full laps
    off_track: int  # excursions
    collisions: int
    off_now: bool
    off_track_s: float
    survived: bool  # never more than 0.3 m beyond the edge
    survived_s: float
    steering_rad: float  # front wheels, + left
    battery_v: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Truth:
        """The truth that went through a file of plain numbers."""
        truth = cls(*numbers)
        return truth._replace(**{name: kind(getattr(truth, name)) for name, kind in _NOT_FLOAT.items()})


_NOT_FLOAT = {"lap": int, "off_track": int, "collisions": int, "off_now": bool, "survived": bool}


class Referee:
    """Follows one car round one track."""

    def __init__(self, track: Track, x_m: float, y_m: float) -> None:
        self._track = track
        self.at: TrackPosition = track.locate(x_m, y_m)
        self.distance_m = 0.0
        self.lap = 0
        self.off_track = 0
        self.off_track_s = 0.0
        self.off_now = False
        self.survived_s = 0.0
        self.survived = True

    @property
    def beyond_m(self) -> float:
        """How far the car is beyond the edge of the lane; negative inside."""
        return abs(self.at.lateral_m) - self._track.half_width_m

    def look(self, x_m: float, y_m: float, dt_s: float) -> None:
        """The car's CG is at (x, y) now, `dt_s` after the last look."""
        at = self._locate(x_m, y_m)
        length_m = self._track.length_m
        moved_m = (at.s_m - self.at.s_m + length_m / 2) % length_m - length_m / 2
        self.at = at
        if abs(moved_m) < _SHORT_CUT_M:
            self.distance_m += moved_m
            self.lap = max(self.lap, int(self.distance_m / length_m))
        self._judge(dt_s)

    def _locate(self, x_m: float, y_m: float) -> TrackPosition:
        hint: Optional[float] = self.at.s_m if self.beyond_m < FAILED_BEYOND_M else None
        return self._track.locate(x_m, y_m, hint)

    def _judge(self, dt_s: float) -> None:
        beyond_m = self.beyond_m
        if self.off_now:
            self.off_now = beyond_m > -_BACK_INSIDE_M
        elif beyond_m > 0.0:
            self.off_now = True
            self.off_track += 1
        if self.off_now:
            self.off_track_s += dt_s
        self.survived = self.survived and beyond_m <= FAILED_BEYOND_M
        if self.survived:
            self.survived_s += dt_s
