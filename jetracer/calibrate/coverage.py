"""Which views of the board are worth keeping, and what is still missing."""
from __future__ import annotations

from typing import Dict, List, NamedTuple

import cv2
import numpy as np

from jetracer.calibrate.board import Board, View

ENOUGH = 15  # views
CELLS = (6, 4)  # of the picture, across and down; in each there should be a corner once
NEW = 0.12  # how much a view has to differ in one part of its pose from every one that was kept
STILL_REL = 0.004  # of the picture's width: a board that moved more from one picture to the next is blurred
_RANGE, _TILT, _FULL = 0.35, 0.3, 0.85  # of the board's width in the picture, of its foreshortening, of the cells


class Pose(NamedTuple):
    """Where the board is in the picture and how: all parts about 0 to 1."""

    x: float
    y: float
    size: float  # the board's width over the picture's
    tilt: float  # 0: seen from the front


class Coverage:
    """Keeps views that differ; `hint` says what to show next, `done` that it suffices."""

    def __init__(self, board: Board, width: int, height: int) -> None:
        self.views: List[View] = []
        self._board, self._size = board, (width, height)
        self._poses: List[Pose] = []
        self._cells = np.zeros(CELLS[::-1], bool)

    def offer(self, view: View) -> bool:
        """Keep the view where it adds something: another pose, or a part of the picture without corners so far."""
        pose, cells = self._pose(view), self._cells_of(view)
        known = any(max(abs(a - b) for a, b in zip(pose, other)) < NEW for other in self._poses)
        if known and not (cells & ~self._cells).any():
            return False
        self.views.append(view)
        self._poses.append(pose)
        self._cells |= cells
        return True

    def progress(self) -> Dict[str, float]:
        """0 to 1 of: pictures, area, distance, tilt."""
        sizes, tilts = [pose.size for pose in self._poses] or [0.0], [pose.tilt for pose in self._poses] or [0.0]
        shares = {"pictures": len(self.views) / ENOUGH, "area": float(self._cells.mean()) / _FULL,
                  "distance": (max(sizes) - min(sizes)) / _RANGE, "tilt": max(tilts) / _TILT}
        return {name: min(1.0, share) for name, share in shares.items()}

    @property
    def done(self) -> bool:
        return min(self.progress().values()) >= 1.0

    def hint(self) -> str:
        """What to do next, for a person."""
        progress = self.progress()
        least = min(progress, key=lambda name: progress[name])
        if least == "area":
            rows, columns = np.nonzero(~self._cells)
            across = ("left", "middle", "right")[int(3 * (columns[0] + 0.5) / CELLS[0])]
            down = ("top", "middle", "bottom")[int(3 * (rows[0] + 0.5) / CELLS[1])]
            return f"move the board to the {down} {across}"
        return {"pictures": "show it in other places", "distance": "come nearer, and go farther away",
                "tilt": "tilt it by some 40 degrees"}[least]

    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8: every corner that was kept, one colour per view, and the cells that saw none."""
        width, height = self._size
        image = np.full((height, width, 3), 255, np.uint8)
        for row, column in zip(*np.nonzero(~self._cells)):
            corner = [(int(width * (column + i) / CELLS[0]), int(height * (row + i) / CELLS[1])) for i in (0, 1)]
            cv2.rectangle(image, corner[0], corner[1], (225, 225, 255), -1)
        hues = np.linspace(0, 179, len(self.views), endpoint=False).astype(np.uint8)
        for hue, view in zip(hues, self.views):
            colour = cv2.cvtColor(np.uint8([[[hue, 220, 170]]]), cv2.COLOR_HSV2BGR)[0, 0]
            for px in view.px:
                cv2.circle(image, tuple(int(v) for v in px.round()), max(2, width // 200), tuple(map(int, colour)), -1,
                           cv2.LINE_AA)
        return image

    def _pose(self, view: View) -> Pose:
        spacing = [_spacing(view, step, self._board.columns - 1) for step in (1, self._board.columns - 1)]
        x, y = view.px.mean(0) / self._size
        narrow, wide = sorted(spacing)
        return Pose(float(x), float(y), wide * self._board.columns / self._size[0], 1.0 - narrow / max(wide, 1e-9))

    def _cells_of(self, view: View) -> np.ndarray:
        at = np.clip((view.px * CELLS / np.array(self._size)).astype(int), 0, np.array(CELLS) - 1)
        cells = np.zeros_like(self._cells)
        cells[at[:, 1], at[:, 0]] = True
        return cells


def still(view: View, before: View, width: int) -> bool:
    """Whether the board hardly moved from the picture before; of a moving one the picture is blurred."""
    place = {number: at for number, at in zip(before.ids.tolist(), before.px)}
    moved = [np.hypot(*(at - place[number])) for number, at in zip(view.ids.tolist(), view.px) if number in place]
    return bool(moved) and float(np.median(moved)) <= STILL_REL * width


def _spacing(view: View, step: int, per_row: int) -> float:
    """Median distance in pixels of neighbours along the rows (step 1) or the columns (step `per_row`)."""
    place = dict(zip(view.ids.tolist(), view.px))
    apart = [np.hypot(*(place[number + step] - at)) for number, at in place.items()
             if number + step in place and (step != 1 or (number + 1) % per_row)]
    return float(np.median(apart)) if apart else 0.0
