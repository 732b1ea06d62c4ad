"""Golden pictures of the display: `python -m tests.golden_display` makes them anew; look before keeping them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, Tuple

import cv2
import numpy as np

from jetracer.display.base import SIZES
from jetracer.display.pages import Facts, draw

FOLDER = Path(__file__).parent / "golden" / "display"
LARGER = 4  # each pixel of the glass so many in the file, with the gaps that a real one has

DRIVING = Facts(
    host="jetracer-7", address="192.168.4.20", mode="automatic", state="armed", speed_mps=1.43, throttle=0.31,
    battery_v=11.42, temperature_c=52.4, model="road", fps=29.7, latency_s=0.0384, recording="20261122-054620",
    pictures=1234,
)  # fmt: skip
STOPPED = replace(DRIVING, state="", fault="CAMERA TOO OLD", speed_mps=0.0, throttle=0.0)

# name: facts, turn
SCENES: Dict[str, Tuple[Facts, int]] = {
    "identity": (DRIVING, 0),
    "motion": (DRIVING, 1),
    "power": (DRIVING, 2),
    "model": (DRIVING, 3),
    "recording": (DRIVING, 4),
    "nothing-known": (Facts(mode="manual", state="not armed"), 2),
    "fault": (STOPPED, 0),
    "fault-between": (STOPPED, 5),
    "fault-long": (replace(STOPPED, fault="COMMAND NOT A NUMBER"), 0),
    "fault-short": (replace(STOPPED, fault="E-STOP"), 0),
}
PICTURES = [(scene, size) for scene in SCENES for size in SIZES]


def render(scene: str, size: str) -> np.ndarray:
    """(height, width) bool: the picture as the code draws it now."""
    return draw(*SCENES[scene], SIZES[size])


def path(scene: str, size: str) -> Path:
    return FOLDER / f"{scene}-{size}.png"


def read(scene: str, size: str) -> np.ndarray:
    """The kept picture, (height, width) bool."""
    kept = cv2.imread(str(path(scene, size)), cv2.IMREAD_GRAYSCALE)
    return kept[1::LARGER, 1::LARGER] > 128


def write_all() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scene, size in PICTURES:
        image = render(scene, size).repeat(LARGER, axis=0).repeat(LARGER, axis=1).astype(np.uint8) * 255
        image[::LARGER] //= 3
        image[:, ::LARGER] //= 3
        cv2.imwrite(str(path(scene, size)), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    write_all()
