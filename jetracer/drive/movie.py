"""drive.mp4: what the car saw and did, beside where it was when the simulated world's truth is known."""
from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from jetracer.drive.telemetry import Row, picture_path, step_of
from jetracer.drive.trackplot import INK, LANE, PAPER, TrackMap, placed, speed_colors, text
from jetracer.perception.draw import overlay
from jetracer.sim.track import Track

HEIGHT_PX = 448
TRAIL_M = 3.0  # of the way behind the car that stays visible
_BODY_M = np.array([[0.45, 0.13], [0.45, -0.13], [-0.1, -0.15], [-0.1, 0.15]])  # of the rear axle's frame
_BODY_COLOR = (214, 110, 32)
_TOP_MPS = 2.0  # at which the trail has its brightest colour


def make_movie(folder: Path, rows: Sequence[Row], track: Optional[Track], path: Path) -> Optional[str]:
    """Write the movie at the pace of the pictures kept; returns what went wrong, or None."""
    shown = [row for row in rows if row["picture"] and picture_path(folder, int(row["seq"])).is_file()]
    if not shown:
        return f"there are no pictures in {folder}"
    writer = None
    for image in _images(folder, shown, track):
        if writer is None:
            size = (image.shape[1], image.shape[0])
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), _rate_hz(shown), size)
            if not writer.isOpened():
                return f"OpenCV here cannot write {path}"
        writer.write(image)
    if writer is None:
        return f"no picture in {folder} can be read"
    writer.release()
    return None


def _rate_hz(rows: Sequence[Row]) -> float:
    gaps_s = np.diff([row["frame_t_s"] for row in rows])
    usual_s = float(np.median(gaps_s)) if len(gaps_s) else 0.0
    return min(120.0, max(1.0, 1.0 / usual_s)) if usual_s > 0 else 30.0


def _images(folder: Path, rows: Sequence[Row], track: Optional[Track]) -> Iterator[np.ndarray]:
    plan = Plan(track) if track is not None and rows[0]["x_m"] is not None else None
    size: Optional[Tuple[int, int]] = None
    for row in rows:
        image = cv2.imread(str(picture_path(folder, int(row["seq"]))))
        if image is None:
            continue
        scale = max(1, round(HEIGHT_PX / image.shape[0]))
        view = overlay(image, step_of(row, image), scale)
        if plan is not None and row["x_m"] is not None:
            view = np.hstack([view, plan.show(row, view.shape[0])])
        # a video has one size, and mp4v wants even sides
        size = size or (view.shape[1] // 2 * 2, view.shape[0] // 2 * 2)
        yield view if (view.shape[1], view.shape[0]) == size else cv2.resize(view, size)


class Plan:
    """The track from above with the car on it, one picture per step."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._map: Optional[TrackMap] = None
        self._trail: List[Tuple[float, float, float]] = []

    def show(self, row: Row, height_px: int) -> np.ndarray:
        """Picture (height_px, W, 3) of the moment of `row`."""
        if self._map is None:
            self._map = TrackMap(self._track, size_px=round(height_px * 1.5), margin_m=0.3)
            self._blank = self._map.image.copy()
        plan = self._map
        np.copyto(plan.image, self._blank)
        pose = (row["x_m"], row["y_m"], row["yaw_rad"])
        self._draw_trail(plan, row)
        plan.polygon(placed(_BODY_M, pose), _BODY_COLOR)
        plan.line(placed(_BODY_M, pose), INK, 0.015, closed=True)
        plan.line(placed(np.array([[0.3, 0.1], [0.3, -0.1]]), pose), LANE, 0.04)
        return self._page(plan.image, row, height_px)

    def _draw_trail(self, plan: TrackMap, row: Row) -> None:
        self._trail.append((row["x_m"], row["y_m"], row["speed_mps"]))
        points = np.array(self._trail)
        behind_m = np.cumsum(np.hypot(*np.diff(points[::-1, :2], axis=0).T))
        del self._trail[: max(0, len(points) - 2 - int((behind_m < TRAIL_M).sum()))]
        colors = speed_colors(points[:, 2] / _TOP_MPS)
        for i in range(1, len(points)):
            plan.line(points[i - 1 : i + 1, :2], colors[i], 0.04)

    @staticmethod
    def _page(image: np.ndarray, row: Row, height_px: int) -> np.ndarray:
        """The map on a page as high as the view beside it, with a line of words below."""
        foot_px = height_px // 9
        room = (round(height_px * 1.2), height_px - foot_px)
        scale = min(room[0] / image.shape[1], room[1] / image.shape[0])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        page = np.full((height_px, room[0], 3), PAPER, np.uint8)
        y, x = (room[1] - small.shape[0]) // 2, (room[0] - small.shape[1]) // 2
        page[y : y + small.shape[0], x : x + small.shape[1]] = small
        words = f"lap {int(row['lap']) + 1}   {row['speed_mps']:.1f} m/s   {100 * row['lateral_m']:+.0f} cm"
        text(page, words, (round(0.4 * foot_px), height_px - round(0.35 * foot_px)), height_px / 800.0)
        return page
