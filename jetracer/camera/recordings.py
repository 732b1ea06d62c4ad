"""Recordings as numbered pictures with times: a recorded session, a folder of images, or a video file."""
from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import cv2
import numpy as np

from jetracer.core.errors import CameraError
from jetracer.core.registry import Registry

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
SESSION = "session.mcap"  # in the folder of a drive
RECORDINGS = Registry(
    "kind of recording",
    {
        "pictures": "jetracer.camera.recordings:Pictures",
        "session": "jetracer.data.playback:Playback",
        "video": "jetracer.camera.recordings:Video",
    },
)
_LONGEST_GAP_S = 1.0  # a longer pause, or a step back, is where one session ends and the next begins


class Pictures:
    """A folder of images, in natural order (2.jpg before 10.jpg).

    Reads NVIDIA's `<x>_<y>_<uuid>.jpg` sets and Donkey folders (pictures in `images/`). A `labels.csv` with
    the columns file and timestamp_ms gives order and timing; without it pictures are 1/fps apart.
    """

    def __init__(self, folder: Path, fps: float) -> None:
        self._files, self.times = _timed_files(folder, fps)
        if not self._files:
            kinds = ", ".join(SUFFIXES)
            raise CameraError(f"{folder} holds no pictures ({kinds}); give the folder that does.")

    def image(self, index: int) -> Optional[np.ndarray]:
        """Picture `index` as (H, W, 3) BGR, or None when its file is damaged."""
        data = np.fromfile(str(self._files[index]), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None

    def name(self, index: int) -> str:
        return self._files[index].name

    def close(self) -> None:
        pass


class Video:
    """A video file; `image` reads forward only, except that index 0 begins again."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path))
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if not self._capture.isOpened() or count < 1:
            raise CameraError(f"OpenCV cannot play {path} as a video; convert it: ffmpeg -i {path} fixed.mp4")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.times = [index / (rate if rate > 0 else fps) for index in range(count)]
        self._at = 0

    def image(self, index: int) -> Optional[np.ndarray]:
        if index < self._at:
            self._capture.release()
            self._capture.open(str(self._path))
            self._at = 0
        while self._at < index and self._capture.grab():
            self._at += 1
        self._at += 1
        return self._capture.read()[1]

    def name(self, index: int) -> str:
        return f"{self._path.name}, frame {index}"

    def close(self) -> None:
        self._capture.release()


def open_recording(path: str, fps: float) -> Any:
    """One of RECORDINGS, open: `times`, `image(index)`, `name(index)`, `close()`.

    Raises CameraError when there is nothing to play.
    """
    if not path:
        raise CameraError("Which recording? Give its folder or file: --camera replay:PATH")
    place = Path(path).expanduser()
    if not place.exists():
        raise CameraError(f"There is no recording {place}; check the path.")
    if place.suffix == ".mcap" or (place / SESSION).is_file():
        kind = "session"
    else:
        kind = "pictures" if place.is_dir() else "video"
    return RECORDINGS.create(kind, place, fps)


def natural_key(name: str) -> List[Tuple[int, int, str]]:
    """Sort key under which 2.jpg comes before 10.jpg."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _timed_files(folder: Path, fps: float) -> Tuple[List[Path], List[float]]:
    files = _images(folder) or _images(folder / "images")
    stamps = _read_stamps(folder)
    if not stamps or not all(file.name in stamps for file in files):
        return files, [index / fps for index in range(len(files))]
    order = {name: number for number, name in enumerate(stamps)}
    files.sort(key=lambda file: order[file.name])
    return files, times_of([stamps[file.name] for file in files], 1.0 / fps)


def _images(folder: Path) -> List[Path]:
    if not folder.is_dir():
        return []
    files = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    return sorted(files, key=lambda file: natural_key(file.name))


def _read_stamps(folder: Path) -> Dict[str, float]:
    """Seconds by file name from labels.csv, in the file's own order; empty without usable columns."""
    places = (folder / "labels.csv", folder.parent / "labels.csv")
    labels = next((place for place in places if place.is_file()), None)
    if labels is None:
        return {}
    with labels.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return {Path(row["file"]).name: float(row["timestamp_ms"]) / 1000.0 for row in rows}
    except (KeyError, TypeError, ValueError):
        return {}


def times_of(stamps: List[float], period_s: float) -> List[float]:
    """Times from 0 on; breaks between sessions, and steps back, shrink to one period."""
    times = [0.0]
    for earlier, later in zip(stamps, stamps[1:]):
        gap_s = later - earlier
        times.append(times[-1] + (gap_s if 0.0 < gap_s <= _LONGEST_GAP_S else period_s))
    return times
