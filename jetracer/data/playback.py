"""A recorded session as pictures with times, for the replay camera."""
from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np

from jetracer.camera.recordings import times_of
from jetracer.core.errors import CameraError, DataError
from jetracer.data.session import Session


class Playback:
    """Plays what the pilot did not throw away; longer pauses are shortened to a picture's time."""

    def __init__(self, path: Path, fps: float) -> None:
        try:
            self._session = Session.open(path)
        except DataError as error:
            raise CameraError(str(error)) from error
        if not len(self._session):
            raise CameraError(f"There are no pictures in {path}; they were switched off, or all thrown away.")
        self.times = times_of(self._session.times.tolist(), 1.0 / fps)

    def image(self, index: int) -> Optional[np.ndarray]:
        """Picture `index` as (H, W, 3) BGR, or None when it is damaged."""
        try:
            return self._session[index].frame.image
        except DataError:
            return None

    def name(self, index: int) -> str:
        return f"{self._session.path.name}, picture {index}"

    def close(self) -> None:
        self._session.close()
