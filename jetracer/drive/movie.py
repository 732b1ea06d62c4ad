"""drive.mp4: what the car saw and did, beside where it was when the simulated world's truth is known."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np

from jetracer.core.errors import DataError
from jetracer.core.types import Step
from jetracer.data.film import rate_hz, write_film
from jetracer.data.paper import INK, PAPER, ramp, text
from jetracer.data.session import Session
from jetracer.drive.trackplot import LANE, TrackMap, placed, pose_of
from jetracer.perception.draw import overlay
from jetracer.safety.reasons import BIT, STOPPING
from jetracer.sim.track import Track

HEIGHT_PX = 448
TRAIL_M = 3.0  # of the way behind the car that stays visible
_BODY_M = np.array([[0.45, 0.13], [0.45, -0.13], [-0.1, -0.15], [-0.1, 0.15]])  # of the rear axle's frame
_BODY_COLOR = (214, 110, 32)
_TOP_MPS = 2.0  # at which the trail has its brightest colour


def make_movie(session: Session, track: Optional[Track], path: Path) -> Optional[str]:
    """Write the movie at the pace of the session's pictures; returns what went wrong, or None."""
    if not len(session):
        return f"there are no pictures in {session.path}"
    return write_film(_images(session, track), rate_hz(session.times), path)


def _images(session: Session, track: Optional[Track]) -> Iterator[np.ndarray]:
    plan: Optional[Plan] = None
    for step, truth, kept, _ in session.moments():
        image = _picture(step) if kept else None
        if image is None:
            continue
        scale = max(1, round(HEIGHT_PX / image.shape[0]))
        view = overlay(image, _without_notices(step), scale)
        if track is not None and truth is not None:
            plan = plan or Plan(track, view.shape[0])
            view = np.hstack([view, plan.show(truth)])
        yield view


def _picture(step: Step) -> Optional[np.ndarray]:
    try:
        return step.frame.image
    except DataError:  # one damaged picture costs itself, not the movie
        return None


def _without_notices(step: Step) -> Step:
    """A movie shows what held the car back, not every command that was smoothed."""
    held = tuple(stop for stop in step.decision.stops if BIT.get(stop.reason, 0) & STOPPING)
    return replace(step, decision=replace(step.decision, stops=held))


class Plan:
    """The track from above with the car on it, one picture per step."""

    def __init__(self, track: Track, height_px: int) -> None:
        self._foot_px = height_px // 9
        room_px = (round(height_px * 1.2), height_px - self._foot_px)
        self._map = TrackMap(track, room_px, margin_m=0.3)
        self._blank = self._map.image.copy()
        self._page = np.full((height_px, room_px[0], 3), PAPER, np.uint8)
        x, y = (room_px[0] - self._map.size[0]) // 2, (room_px[1] - self._map.size[1]) // 2
        self._place = self._page[y : y + self._map.size[1], x : x + self._map.size[0]]
        self._trail: List[Tuple[float, float, float]] = []

    def show(self, truth: Any) -> np.ndarray:
        """Picture (height_px, W, 3) of the moment of `truth`, overwritten by the next."""
        plan, pose = self._map, pose_of(truth)
        np.copyto(plan.image, self._blank)
        self._draw_trail(truth)
        plan.polygon(placed(_BODY_M, pose), _BODY_COLOR)
        plan.line(placed(_BODY_M, pose), INK, 0.015, closed=True)
        plan.line(placed(np.array([[0.3, 0.1], [0.3, -0.1]]), pose), LANE, 0.04)
        np.copyto(self._place, plan.image)
        self._write(truth)
        return self._page

    def _draw_trail(self, truth: Any) -> None:
        self._trail.append((truth.x_m, truth.y_m, truth.speed_mps))
        points = np.array(self._trail)
        behind_m = np.cumsum(np.hypot(*np.diff(points[::-1, :2], axis=0).T))
        del self._trail[: max(0, len(points) - 2 - int((behind_m < TRAIL_M).sum()))]
        self._map.trace(points[:, :2], ramp(points[:, 2] / _TOP_MPS), 0.04)

    def _write(self, truth: Any) -> None:
        foot_px, height_px = self._foot_px, self._page.shape[0]
        self._page[-foot_px:] = PAPER
        side = "left" if truth.lateral_m > 0 else "right"
        words = f"lap {truth.lap + 1}   {truth.speed_mps:.1f} m/s   {100 * abs(truth.lateral_m):.0f} cm {side}"
        at = (round(0.4 * foot_px), height_px - round(0.35 * foot_px))
        text(self._page, words, at, height_px / 800.0)
