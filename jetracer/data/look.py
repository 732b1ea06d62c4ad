"""What a picture looks like, in a few numbers: to find copies, near copies, blank and blurred ones."""
from __future__ import annotations

import hashlib
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from jetracer.camera.pixels import is_blank
from jetracer.data.picture import Picture

NEAR_BITS = 3  # of 64; two pictures whose hashes differ by no more are near copies
_BANDS = NEAR_BITS + 1


class Look(NamedTuple):
    digest: bytes  # of the file's bytes: equal in exact copies only
    hash: int  # 64 bits, alike where pictures are alike
    blank: bool
    sharpness: float  # variance of the Laplacian at 160 px width: depends on the scene, so compare within a set
    size: Tuple[int, int]


def look(picture: Picture) -> Optional[Look]:
    """None when the picture cannot be decoded."""
    image = picture.image()
    if image is None:
        return None
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    if width > 160:
        grey = cv2.resize(grey, (160, max(1, 160 * height // width)), interpolation=cv2.INTER_AREA)
    digest = hashlib.blake2b(picture.read(), digest_size=16).digest()
    return Look(digest, _dhash(grey), is_blank(image), float(cv2.Laplacian(grey, cv2.CV_32F).var()), (width, height))


def _dhash(grey: np.ndarray) -> int:
    """Difference hash: whether each of 8x8 patches is darker than its right neighbour."""
    patches = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    bits = np.packbits(patches[:, 1:] > patches[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


def copies(looks: Sequence[Look]) -> List[Tuple[int, int]]:
    """(first, copy) of every exact copy, as indexes."""
    first: Dict[bytes, int] = {}
    return [(first[one.digest], at) for at, one in enumerate(looks) if first.setdefault(one.digest, at) != at]


def near_copies(looks: Sequence[Look]) -> List[Tuple[int, int]]:
    """(one, other) of every pair that looks alike, exact copies and blank pictures aside; each `other` once."""
    first = {one.digest: at for at, one in reversed(list(enumerate(looks)))}
    usable = [at for at in sorted(first.values()) if not looks[at].blank]
    found: Dict[int, int] = {}
    for one, other in _candidates([looks[at].hash for at in usable]):
        first, second = usable[one], usable[other]
        if second not in found and bin(looks[first].hash ^ looks[second].hash).count("1") <= NEAR_BITS:
            found[second] = first
    return sorted((first, second) for second, first in found.items())


def _candidates(hashes: Sequence[int]) -> Iterator[Tuple[int, int]]:
    """Pairs (earlier, later) that share one of the hash's bands, which all that differ by NEAR_BITS do."""
    width = 64 // _BANDS
    for band in range(_BANDS):
        groups: Dict[int, List[int]] = {}
        for at, value in enumerate(hashes):
            group = groups.setdefault(value >> band * width & (1 << width) - 1, [])
            # a scene that stands still fills one group; its newest members tell enough
            yield from ((earlier, at) for earlier in group[-50:])
            group.append(at)
