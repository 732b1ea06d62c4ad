"""Frames and truth of the world in memory shared by processes: one writer, any number of readers.

Frames go round four slots, truths round two. Each slot carries a number that is odd while it is written
(a seqlock): a reader copies, then looks whether the number stayed even and the same. Nobody waits for
anybody. A slot becomes the newest only when it is whole, so a writer killed in the middle leaves the one
before.
"""
from __future__ import annotations

import mmap
import os
import struct
from typing import NamedTuple, Optional

import numpy as np

from jetracer.core.errors import CameraError
from jetracer.sim.referee import Truth

_MAGIC = b"JRWORLD1"
_HEADER = struct.Struct("<8sIIdQd")  # magic, width, height, frames per second, track seed, start
_NEWEST, _NEWEST_AT = struct.Struct("<Q"), 64  # frames published so far; the newest is one less
_LOCK = struct.Struct("<Q")
_TRUTH = struct.Struct(f"<{len(Truth._fields)}d")
_TRUTHS, _TRUTHS_AT, _TRUTH_AT, _TRUTH_STRIDE = 2, 72, 512, 512  # how many, where their count and they are
_SLOT = struct.Struct("<QQd")  # lock, seq, t_s
_SLOTS, _SLOTS_AT, _IMAGE_AT = 4, 4096, 64
_TRIES = 100
_WHOLE = {"lap": int, "off_track": int, "collisions": int, "off_now": bool, "survived": bool}


class Exposure(NamedTuple):
    """A frame as it lies in the ring. `seq` counts exposures, lost ones too."""

    image: np.ndarray
    t_s: float
    seq: int


class SharedWorld:
    """The file DIR/frames. `create` in the world, `attach` in readers."""

    def __init__(self, path: str) -> None:
        self.path = str(path)
        fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, 0)
        finally:
            os.close(fd)
        magic, self.width, self.height, self.fps, self.seed, self.start_s = _HEADER.unpack_from(self._map)
        if magic != _MAGIC:
            self._map.close()
            raise CameraError(f"{path} holds no simulated world; start one with: jetracer drive --sim")
        self._stride = _stride(self.width, self.height)

    @classmethod
    def create(
        cls, path: str, width: int, height: int, *, fps: float, seed: int, start_s: float = 0.0
    ) -> SharedWorld:
        """A new, empty ring; a file that was there is replaced."""
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "wb") as file:
            file.write(_HEADER.pack(_MAGIC, width, height, fps, seed, start_s))
            file.truncate(_SLOTS_AT + _SLOTS * _stride(width, height))
        os.replace(temporary, path)
        return cls(path)

    @classmethod
    def attach(cls, path: str) -> SharedWorld:
        """The ring of a running world. Raises CameraError when there is none."""
        try:
            return cls(path)
        except (OSError, ValueError) as error:
            raise CameraError(
                f"No simulated world at {path} ({error}); start one with: jetracer drive --sim"
            ) from error

    def close(self) -> None:
        self._map.close()

    # -- the world

    def publish(self, image: np.ndarray, t_s: float, seq: int) -> None:
        """Make a frame, (height, width, 3) uint8, the newest."""
        count = _NEWEST.unpack_from(self._map, _NEWEST_AT)[0]
        at = _SLOTS_AT + count % _SLOTS * self._stride
        lock = _LOCK.unpack_from(self._map, at)[0] | 1
        _SLOT.pack_into(self._map, at, lock, seq, t_s)
        self._image(at)[:] = image
        _LOCK.pack_into(self._map, at, lock + 1)
        _NEWEST.pack_into(self._map, _NEWEST_AT, count + 1)

    def publish_truth(self, truth: Truth) -> None:
        count = _NEWEST.unpack_from(self._map, _TRUTHS_AT)[0]
        at = _TRUTH_AT + count % _TRUTHS * _TRUTH_STRIDE
        lock = _LOCK.unpack_from(self._map, at)[0] | 1
        _LOCK.pack_into(self._map, at, lock)
        _TRUTH.pack_into(self._map, at + _LOCK.size, *truth)
        _LOCK.pack_into(self._map, at, lock + 1)
        _NEWEST.pack_into(self._map, _TRUTHS_AT, count + 1)

    # -- readers

    def newest(self) -> Optional[Exposure]:
        """A copy of the newest frame, or None before the first."""
        for _ in range(_TRIES):
            count = _NEWEST.unpack_from(self._map, _NEWEST_AT)[0]
            if count == 0:
                return None
            at = _SLOTS_AT + (count - 1) % _SLOTS * self._stride
            before, seq, t_s = _SLOT.unpack_from(self._map, at)
            image = self._image(at).copy()
            if before % 2 == 0 and _LOCK.unpack_from(self._map, at)[0] == before:
                return Exposure(image, t_s, seq)
        raise CameraError(f"The frames in {self.path} are never whole; start the simulator again.")

    def truth(self) -> Truth:
        """Where the car really is now. For reports and tests; nothing that drives may look."""
        for _ in range(_TRIES):
            count = _NEWEST.unpack_from(self._map, _TRUTHS_AT)[0]
            at = _TRUTH_AT + (count - 1) % _TRUTHS * _TRUTH_STRIDE
            before = _LOCK.unpack_from(self._map, at)[0]
            truth = Truth(*_TRUTH.unpack_from(self._map, at + _LOCK.size))
            if count and before % 2 == 0 and _LOCK.unpack_from(self._map, at)[0] == before:
                return truth._replace(**{name: kind(getattr(truth, name)) for name, kind in _WHOLE.items()})
        raise CameraError(f"There is no whole truth in {self.path}; start the simulator again.")

    def _image(self, at: int) -> np.ndarray:
        flat = np.frombuffer(self._map, np.uint8, self.width * self.height * 3, at + _IMAGE_AT)
        return flat.reshape(self.height, self.width, 3)


def _stride(width: int, height: int) -> int:
    return -(-(_IMAGE_AT + width * height * 3) // 4096) * 4096
