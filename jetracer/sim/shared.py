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
from contextlib import contextmanager
from typing import Iterator, NamedTuple, Optional

import numpy as np

from jetracer.core.errors import CameraError
from jetracer.sim.referee import Truth

_MAGIC = b"JRWORLD1"
_HEADER = struct.Struct("<8sIIdQd")  # magic, width, height, frames per second, track seed, start
_WORD = 8
_FRAMES_AT, _TRUTHS_AT = 64, 72  # how many were published so far; the newest is one less
_TRUTH = struct.Struct(f"<{len(Truth._fields)}d")
_TRUTHS, _TRUTH_AT, _TRUTH_STRIDE = 2, 512, 512
_SLOT = struct.Struct("<Qd")  # seq, t_s; before them the lock
_SLOTS, _SLOTS_AT, _IMAGE_AT = 4, 4096, 64
_TRIES = 100


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
        # Counts and locks are written as words of a memoryview: one store each. struct.pack_into would put zeros
        # there first, which a reader could see.
        self._bytes = memoryview(self._map)
        self._words = self._bytes.cast("Q")

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
        self._words.release()
        self._bytes.release()
        self._map.close()

    # -- the world

    def publish(self, image: np.ndarray, t_s: float, seq: int) -> None:
        """Make a frame, (height, width, 3) uint8, the newest."""
        count = self._words[_FRAMES_AT // _WORD]
        at = _SLOTS_AT + count % _SLOTS * self._stride
        with self._writing(at):
            _SLOT.pack_into(self._map, at + _WORD, seq, t_s)
            self._image(at)[:] = image
        self._words[_FRAMES_AT // _WORD] = count + 1

    def publish_truth(self, truth: Truth) -> None:
        count = self._words[_TRUTHS_AT // _WORD]
        at = _TRUTH_AT + count % _TRUTHS * _TRUTH_STRIDE
        with self._writing(at):
            _TRUTH.pack_into(self._map, at + _WORD, *truth)
        self._words[_TRUTHS_AT // _WORD] = count + 1

    @contextmanager
    def _writing(self, at: int) -> Iterator[None]:
        lock = self._words[at // _WORD] | 1
        self._words[at // _WORD] = lock
        yield
        self._words[at // _WORD] = lock + 1

    # -- readers

    def newest(self) -> Optional[Exposure]:
        """A copy of the newest frame, or None before the first."""
        for _ in range(_TRIES):
            count = self._words[_FRAMES_AT // _WORD]
            if count == 0:
                return None
            at = _SLOTS_AT + (count - 1) % _SLOTS * self._stride
            before = self._words[at // _WORD]
            seq, t_s = _SLOT.unpack_from(self._map, at + _WORD)
            image = self._image(at).copy()
            if before % 2 == 0 and self._words[at // _WORD] == before:
                return Exposure(image, t_s, seq)
        raise CameraError(f"The frames in {self.path} are never whole; start the simulator again.")

    def truth(self) -> Truth:
        """Where the car really is now. For reports and tests; nothing that drives may look."""
        for _ in range(_TRIES):
            count = self._words[_TRUTHS_AT // _WORD]
            at = _TRUTH_AT + (count - 1) % _TRUTHS * _TRUTH_STRIDE
            before = self._words[at // _WORD]
            numbers = _TRUTH.unpack_from(self._map, at + _WORD)
            if count and before % 2 == 0 and self._words[at // _WORD] == before:
                return Truth.of(numbers)
        raise CameraError(f"There is no whole truth in {self.path}; start the simulator again.")

    def _image(self, at: int) -> np.ndarray:
        flat = np.frombuffer(self._map, np.uint8, self.width * self.height * 3, at + _IMAGE_AT)
        return flat.reshape(self.height, self.width, 3)


def _stride(width: int, height: int) -> int:
    return -(-(_IMAGE_AT + width * height * 3) // 4096) * 4096
