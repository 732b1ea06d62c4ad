"""A recorded picture: decoded when asked for, and judged without decoding.

A power cut leaves half-written files. Their end tells: JPEG ends with the marker EOI (ITU T.81, B.1.1.3), PNG
with the chunk IEND (W3C PNG, 11.2.5). So a glance at both ends finds them, ten times as fast as decoding.
"""
from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Tuple

import cv2
import numpy as np

from jetracer.camera.recordings import SUFFIXES
from jetracer.core.errors import DataError

JPEG, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_GLANCE = 64  # bytes looked at from either end; some cameras pad their JPEGs with a few zeros
_NOT_FRAMES = {0xC4, 0xC8, 0xCC}  # JPEG markers among C0..CF that start no frame


@dataclass(frozen=True)
class Picture:
    """`name` is its place within the data set; its bytes are a file's, or what `load` gives (a log's)."""

    name: str
    path: Optional[Path] = None
    load: Optional[Callable[[], bytes]] = None

    def read(self) -> bytes:
        """The encoded bytes, as recorded. Raises OSError or DataError when it is gone."""
        return self.load() if self.load else Path(self.path).read_bytes()

    def image(self) -> Optional[np.ndarray]:
        """(H, W, 3) uint8 BGR, or None when it cannot be read or decoded."""
        try:
            data = np.frombuffer(self.read(), np.uint8)
        except (OSError, DataError):  # gone, or damaged, since it was listed
            return None
        return cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None

    def size(self) -> Optional[Tuple[int, int]]:
        """(width, height) in px, from the file's head where that tells; None when it is no picture."""
        if self.load:
            return self._decoded_size()
        with open(str(self.path), "rb") as file:
            return size_of(file.read(4096)) or self._decoded_size()

    def _decoded_size(self) -> Optional[Tuple[int, int]]:
        image = self.image()
        return None if image is None else (image.shape[1], image.shape[0])


def find(root: Path, name: str, places: Tuple[str, ...] = ("images", "")) -> Tuple[Optional[Picture], str]:
    """The usable picture `name` of the data set `root`, or None and why not. Names never lead out of the set."""
    if not name or os.path.isabs(name) or ".." in name.split("/"):
        return None, "the name leads out of the folder"
    for place in places:
        path = os.path.join(str(root), place, name)
        if os.path.isfile(path):
            why = flaw(path)
            return (None, why) if why else (Picture(name, Path(path)), "")
    return None, "there is no such file"


def flaw(path: str) -> str:
    """Why the file at `path` is no whole picture; "" when a glance at both its ends finds nothing wrong."""
    with open(path, "rb") as file:
        head = file.read(_GLANCE)
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _GLANCE))
        tail = file.read()
    return flaw_of_ends(head, tail)


def flaw_of_ends(head: bytes, tail: bytes) -> str:
    """As `flaw`, for the first and last bytes of a picture."""
    if not head:
        return "the file is empty"
    if head.startswith(JPEG):
        return "" if tail.rstrip(b"\0\r\n").endswith(JPEG_END) else "torn: the JPEG has no end"
    if head.startswith(PNG):
        return "" if tail.endswith(PNG_END) else "torn: the PNG has no end"
    if head.startswith(b"BM"):
        return ""
    return "not a picture"


def is_picture_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def size_of(head: bytes) -> Optional[Tuple[int, int]]:
    """(width, height) that the first bytes of a JPEG or PNG tell; None when they do not."""
    if head.startswith(PNG) and len(head) >= 24:
        return struct.unpack(">II", head[16:24])
    at = 2
    while head.startswith(JPEG) and at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], struct.unpack(">H", head[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None
