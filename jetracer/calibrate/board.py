"""The board that is held before a camera: a checkerboard, or a ChArUco board, which may be seen in part."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from jetracer.core.errors import ConfigError
from jetracer.core.registry import unknown

KINDS = ("charuco", "checkerboard")
MODULES = 10  # of a ChArUco square's side; its marker takes the 6 in the middle, clear of the corners
FEWEST = 8  # corners of a view that is of use


class View(NamedTuple):
    """Inner corners of the board found in one picture: their numbers (N,), and pixels (N, 2) float64."""

    ids: np.ndarray
    px: np.ndarray


@dataclass(frozen=True)
class Board:
    """`columns` x `rows` squares of `square_m`; corners count along the rows, from the top left inner one."""

    kind: str = "charuco"
    columns: int = 8
    rows: int = 5  # odd: even numbers of rows have two layouts, from before and after OpenCV 4.6
    square_m: float = 0.03

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("board", self.kind, KINDS)
        if self.columns < 4 or self.rows < 4 or not 0.001 <= self.square_m <= 1.0:
            raise ConfigError(f"A board of {self.columns} x {self.rows} squares of {1000 * self.square_m:g} mm makes "
                              "no sense; give at least 4 x 4, of 1 mm or more.")
        if self.kind == "charuco" and not hasattr(getattr(cv2, "aruco", None), "CharucoDetector"):
            raise ConfigError(f"OpenCV {cv2.__version__} has no ChArUco boards (4.7 and newer have); use "
                              "--board checkerboard, or run: pip install -U opencv-python-headless")

    def points(self, ids: np.ndarray) -> np.ndarray:
        """(N, 3) metres on the board, x to the right, y down, origin in its top left corner."""
        row, column = np.divmod(np.asarray(ids).ravel(), self.columns - 1)
        return np.stack([column + 1, row + 1, np.zeros(len(row))], 1) * self.square_m

    @property
    def size_m(self) -> Tuple[float, float]:
        return self.columns * self.square_m, self.rows * self.square_m

    def raster(self) -> np.ndarray:
        """The whole board as (H, W) uint8, 0 and 255, as small as it can be told."""
        if self.kind == "checkerboard":
            y, x = np.mgrid[0 : self.rows, 0 : self.columns]
            return np.where((x + y) % 2, 255, 0).astype(np.uint8)
        return self._charuco().generateImage((MODULES * self.columns, MODULES * self.rows), marginSize=0)

    def finder(self) -> Finder:
        return Finder(self)

    def _charuco(self) -> Any:
        dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        marker_m = self.square_m * 6 / MODULES
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_m, marker_m, dictionary)


class Finder:
    """Finds a board in pictures."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._charuco = cv2.aruco.CharucoDetector(board._charuco()) if board.kind == "charuco" else None

    def find(self, image: np.ndarray) -> Optional[View]:
        """The board in a (H, W, 3) or (H, W) uint8 picture; None where it is not seen well enough."""
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if self._charuco is None:
            return self._usable(self._whole(grey))
        return self._usable(self._partly(grey)) or self._usable(self._enlarged(grey))

    def _usable(self, view: Optional[View]) -> Optional[View]:
        return view if view is not None and len(view.ids) >= FEWEST and _spread(self.board, view) else None

    def _enlarged(self, grey: np.ndarray) -> Optional[View]:
        """Markers of few pixels, as of a board that lies on the floor, are read in a picture of twice the size."""
        view = self._partly(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
        return view if view is None else View(view.ids, (view.px + 0.5) / 2 - 0.5)

    def _partly(self, grey: np.ndarray) -> Optional[View]:
        px, ids, _, _ = self._charuco.detectBoard(grey)
        if ids is None or not len(ids):
            return None
        # The detector's own corners are those of a plane seen without distortion.
        px = cv2.cornerSubPix(grey, np.float32(px).reshape(-1, 1, 2), *_refining(np.asarray(px).reshape(-1, 2), 0.18))
        return View(np.asarray(ids).ravel(), np.float64(px).reshape(-1, 2))

    def _whole(self, grey: np.ndarray) -> Optional[View]:
        size = (self.board.columns - 1, self.board.rows - 1)
        flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
        found, px = cv2.findChessboardCorners(grey, size, flags=flags)
        if not found:
            return None
        px = cv2.cornerSubPix(grey, px, *_refining(px.reshape(-1, 2), 0.35))
        return View(np.arange(len(px)), np.float64(px).reshape(-1, 2))


def _refining(px: np.ndarray, share: float) -> Tuple[Any, ...]:
    """cornerSubPix's window, reaching `share` of the way to the nearest neighbour, and when to end."""
    apart = np.hypot(*(px[:, None] - px[None]).transpose(2, 0, 1))
    nearest = float(np.min(apart[apart > 0])) if (apart > 0).any() else 4.0
    half = int(np.clip(share * nearest, 2, 7))
    return (half, half), (-1, -1), (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 40, 0.001)


def _spread(board: Board, view: View) -> bool:
    """Whether the corners are more than one line, which fixes no pose."""
    rows, columns = np.divmod(view.ids, board.columns - 1)
    return len(set(rows)) > 1 and len(set(columns)) > 1
