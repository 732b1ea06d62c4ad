"""The track from above with the path that was driven, coloured by speed; drawn with OpenCV alone."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Tuple

import cv2
import numpy as np

from jetracer.core.config import write_bytes
from jetracer.core.errors import ConfigError
from jetracer.data.paper import INK, PAPER, Color, ramp, text
from jetracer.drive.ending import laps
from jetracer.sim.track import Track

FLOOR: Color = (238, 234, 230)
LANE: Color = (255, 255, 255)
EDGE: Color = (96, 84, 74)
DASHES: Color = (196, 188, 180)
START: Color = (64, 148, 40)
STOP: Color = (48, 40, 214)
_CENTRE_M = np.array([[0.17145, 0.0]])  # from the rear axle: the point that is to stay on the line
SIZE_PX = 1400  # of the longer side of track.png
_SHIFT = 4  # fixed-point bits: cv2 draws lines at sixteenths of a pixel


class TrackMap:
    """A drawing of a track on paper, and the way from metres to its pixels.

    It fills `room_px` (width, height) as far as the track's shape allows, `margin_m` of floor kept around the
    lane; `foot_px` of paper is added below.
    """

    def __init__(self, track: Track, room_px: Tuple[int, int], margin_m: float = 0.35, foot_px: int = 0) -> None:
        self.track = track
        edges = np.concatenate([track.left_edge, track.right_edge])
        low, high = edges.min(axis=0) - margin_m, edges.max(axis=0) + margin_m
        self.px_per_m = float((np.array(room_px) / (high - low)).min())
        width, height = np.floor((high - low) * self.px_per_m).astype(int)
        self._left_m, self._top_m = low[0], high[1]
        self.size = (int(width), int(height))
        self.image = np.empty((height + foot_px, width, 3), np.uint8)
        self._draw()

    def px(self, xy_m: np.ndarray) -> np.ndarray:
        """World metres (N, 2) -> pixels (N, 2) float."""
        xy_m = np.asarray(xy_m, float).reshape(-1, 2)
        return np.stack([xy_m[:, 0] - self._left_m, self._top_m - xy_m[:, 1]], 1) * self.px_per_m

    def trace(self, xy_m: np.ndarray, colors: Sequence[Color], width_m: float) -> None:
        """A line whose every piece has the colour of its end; pieces of half a metre are gaps, not lines."""
        points = np.round(self.px(xy_m) * (1 << _SHIFT)).astype(np.int32)
        whole = np.hypot(*np.diff(xy_m, axis=0).T) < 0.5
        for i in np.flatnonzero(whole):
            piece = [points[i : i + 2]]
            cv2.polylines(self.image, piece, False, colors[i + 1], self.thick(width_m), cv2.LINE_AA, _SHIFT)

    def line(self, xy_m: np.ndarray, color: Color, width_m: float, closed: bool = False) -> None:
        points = np.round(self.px(xy_m) * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(self.image, [points], closed, color, self.thick(width_m), cv2.LINE_AA, _SHIFT)

    def dot(self, xy_m: Sequence[float], color: Color, radius_m: float, width_m: float = 0.0) -> None:
        """A disc, or a ring where `width_m` is given."""
        x, y = np.round(self.px(np.array([xy_m]))[0] * (1 << _SHIFT)).astype(int)
        radius = round(radius_m * self.px_per_m * (1 << _SHIFT))
        thickness = self.thick(width_m) if width_m else cv2.FILLED
        cv2.circle(self.image, (int(x), int(y)), radius, color, thickness, cv2.LINE_AA, _SHIFT)

    def polygon(self, xy_m: np.ndarray, color: Color) -> None:
        points = np.round(self.px(xy_m) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(self.image, [points], color, cv2.LINE_AA, _SHIFT)

    def thick(self, width_m: float) -> int:
        return max(1, round(width_m * self.px_per_m))

    def _draw(self) -> None:
        track = self.track
        self.image[:] = PAPER
        self.image[: self.size[1]] = FLOOR
        # A quad per piece instead of one polygon: a closed lane is a ring, which fillPoly cannot fill.
        left, right = track.left_edge, track.right_edge
        for i in range(0, len(left), 8):
            ends = np.arange(i, i + 10) % len(left)
            self.polygon(np.concatenate([left[ends], right[ends[::-1]]]), LANE)
        for start in range(0, len(track.centre), 12):
            self.line(track.centre[start : start + 6], DASHES, 0.008)
        self.line(left, EDGE, 0.02, closed=True)
        self.line(right, EDGE, 0.02, closed=True)

    def arrow(self, pose: Tuple[float, float, float], color: Color, length_m: float) -> None:
        """A filled arrow head of `length_m` whose middle is at pose (x, y, yaw)."""
        head_m = np.array([[0.5, 0.0], [-0.5, 0.42], [-0.28, 0.0], [-0.5, -0.42]]) * length_m
        self.polygon(placed(head_m, pose), color)


def placed(xy_m: np.ndarray, pose: Tuple[float, float, float]) -> np.ndarray:
    """Points (N, 2) of a thing's own frame, with the thing at pose (x, y, yaw)."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return xy_m @ np.array([[cos, sin], [-sin, cos]]) + np.array(pose[:2])


def pose_of(truth: Any) -> Tuple[float, float, float]:
    """x, y and yaw of the rear axle."""
    return truth.x_m, truth.y_m, truth.yaw_rad


def plot_run(track: Track, rows: Sequence[Any], summary: Mapping[str, Any], path: Path) -> Optional[str]:
    """Draw the run of the report's `rows` and its summary; returns what went wrong, or None."""
    known = [row for row in rows if row.truth is not None]
    path_m = np.array([placed(_CENTRE_M, pose_of(row.truth))[0] for row in known])
    t_s = [row.t_s - rows[0].t_s for row in known]
    at = np.searchsorted(t_s, [stop["t_s"] for stop in summary["stops"]])
    title = (f"track {track.seed}   {laps(summary['laps'])}   {summary['distance_m']:.1f} m in "
             f"{summary['duration_s']:.1f} s   {summary['off_track']} times off the track")
    speed_mps = np.array([row.truth.speed_mps for row in known])
    image = draw_run(track, path_m, speed_mps, path_m[np.minimum(at, len(known) - 1)], title)
    try:
        write_bytes(path, cv2.imencode(".png", image)[1].tobytes())
    except ConfigError as error:
        return str(error)
    return None


def draw_run(track: Track, path_m: np.ndarray, speed_mps: np.ndarray, stops_m: np.ndarray,
             title: str = "") -> np.ndarray:
    """Picture (H, W, 3) uint8 of a run: path (N, 2), speeds (N,), places (M, 2) where the gate stopped it."""
    size_px = SIZE_PX
    foot_px = round(0.075 * size_px)
    plan = TrackMap(track, (size_px, size_px), foot_px=foot_px)
    top_mps = max(0.5, float(np.ceil(speed_mps.max() * 4.0) / 4.0)) if len(speed_mps) else 1.0
    _draw_start(plan)
    if len(path_m) > 1:
        plan.trace(path_m, ramp(speed_mps / top_mps), 0.022)
    for place in stops_m:
        plan.dot(place, STOP, 0.07, 0.025)
    if len(path_m):
        plan.dot(path_m[-1], LANE, 0.05)
        plan.dot(path_m[-1], INK, 0.035)
    _draw_foot(plan.image, foot_px, top_mps, title, len(stops_m))
    return plan.image


def _draw_start(plan: TrackMap) -> None:
    track = plan.track
    plan.line(np.stack([track.left_edge[0], track.right_edge[0]]), START, 0.035)
    every = max(1, len(track.centre) // 8)
    for i in range(every // 2, len(track.centre), every):
        plan.arrow((*track.centre[i], track.heading[i]), DASHES, 0.16)
    plan.arrow((*track.pose_at(0.16)[:2], track.heading[0]), START, 0.2)


def _draw_foot(image: np.ndarray, foot_px: int, top_mps: float, title: str, stops: int) -> None:
    height, width = image.shape[:2]
    top, scale = height - foot_px, foot_px / 105.0
    bar = (round(0.16 * width), round(0.22 * foot_px))
    x, y = width - bar[0] - round(0.6 * foot_px), top + round(0.25 * foot_px)
    image[y : y + bar[1], x : x + bar[0]] = np.array(ramp(np.linspace(0.0, 1.0, bar[0])), np.uint8)
    below = y + bar[1] + round(0.36 * foot_px)
    text(image, "0", (x, below), scale * 0.8)
    text(image, f"{top_mps:g} m/s", (x + bar[0] - round(0.5 * foot_px), below), scale * 0.8)
    text(image, title, (round(0.3 * foot_px), top + round(0.45 * foot_px)), scale)
    x, y = round(0.38 * foot_px), top + round(0.75 * foot_px)
    cv2.line(image, (x, y - round(0.12 * foot_px)), (x, y + round(0.08 * foot_px)), START, 4, cv2.LINE_AA)
    after = text(image, "start", (x + 12, y + 6), scale * 0.8)
    if stops:
        cv2.circle(image, (after + 40, y), round(0.1 * foot_px), STOP, 3, cv2.LINE_AA)
        text(image, "stopped by the safety gate", (after + 60, y + 6), scale * 0.8)
