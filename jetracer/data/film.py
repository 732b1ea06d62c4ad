"""Pictures one after the other as a video file, at the pace they were taken."""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable, Iterable, Iterator, Optional, Sequence

import cv2
import numpy as np

from jetracer.core.types import Aim
from jetracer.data.plots import labelled_picture
from jetracer.data.sample import Sample

WIDTH_PX = 640
ROOM_BYTES = 4_000_000  # that a film leaves on the disk, enough for its own end
SLOWEST_HZ, FASTEST_HZ, USUAL_HZ = 1.0, 120.0, 30.0
Guess = Callable[[np.ndarray], Optional[Aim]]


def write_film(images: Iterable[np.ndarray], hz: float, path: Path) -> Optional[str]:
    """Write (H, W, 3) pictures as an mp4 in the size of the first; returns what went wrong, or None."""
    if path.suffix != ".mp4":
        return f"{path} is no name of a film; give it as FILM.mp4"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    writer, size, problem = None, (0, 0), None
    for image in images:
        if writer is None:
            size = (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)  # mp4v wants even sides
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), hz, size)
            if not writer.isOpened():
                return f"OpenCV here cannot write {path}"
        if shutil.disk_usage(path.parent).free < ROOM_BYTES:  # OpenCV does not say that it cannot write
            problem = f"the disk is too full for {path}"
            break
        writer.write(image if image.shape[1::-1] == size else cv2.resize(image, size))
    if writer is not None:
        writer.release()
    if problem:
        path.unlink(missing_ok=True)
    return problem or (None if writer is not None else "no picture can be read")


def rate_hz(times_s: Sequence[float]) -> float:
    """The usual rate of pictures with these times."""
    gaps_s = np.diff(times_s)
    usual_s = float(np.median(gaps_s)) if len(gaps_s) else 0.0
    return min(FASTEST_HZ, max(SLOWEST_HZ, 1.0 / usual_s)) if usual_s > 0 else USUAL_HZ


def film(samples: Sequence[Sample], path: Path, guess: Optional[Guess] = None) -> Optional[str]:
    """A film of a data set, its labels in green and a model's `guess` in blue; returns what went wrong, or None."""
    times = [sample.t_s for sample in samples if sample.t_s is not None]
    hz = rate_hz(times) if len(times) == len(samples) else USUAL_HZ
    return write_film(_pages(samples, guess), hz, path)


def _pages(samples: Sequence[Sample], guess: Optional[Guess]) -> Iterator[np.ndarray]:
    for sample in samples:
        image = sample.picture.image() if guess else None
        page = labelled_picture(sample, WIDTH_PX, None if image is None else guess(image))
        if page is not None:
            yield page
