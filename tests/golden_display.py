"""Golden pictures of the display: `python -m tests.golden_display` makes them anew; look before keeping them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, Tuple

import cv2
import numpy as np

from jetracer.display.base import SIZES
from jetracer.display.pages import PAGES, Facts, Pages, draw, identity, kit, power

FOLDER = Path(__file__).parent / "golden" / "display"
LARGER = 4  # each pixel of the glass so many in the file, with the gaps that a real one has

DRIVING = Facts(
    host="jetracer-7", address="192.168.4.20", mode="automatic", state="armed", speed_mps=1.43, throttle=0.31,
    battery_v=11.42, battery_a=-1.84, battery_percent=64.4, temperature_c=52.4, supply_w=5.13,
    model="road", fps=29.7, latency_s=0.0384, recording="20261122-054620", pictures=1234,
)  # fmt: skip
STANDBY = replace(DRIVING, mode="standby", state="not armed", kit="waveshare-ai", fault="", throttle=0.0)
STOPPED = replace(DRIVING, state="", fault="CAMERA TOO OLD", speed_mps=0.0, throttle=0.0)

ALONE = (identity, power, kit)  # the pages while nobody drives

# name: facts, turn, pages
SCENES: Dict[str, Tuple[Facts, int, Pages]] = {
    "identity": (DRIVING, 0, PAGES),
    "motion": (DRIVING, 1, PAGES),
    "power": (DRIVING, 2, PAGES),
    "power-low": (replace(DRIVING, battery_v=9.81, battery_percent=4.4, battery_a=-2.9, state="BATTERY: SLOWED",
                          temperature_c=88.2), 2, PAGES),
    "model": (DRIVING, 3, PAGES),
    "recording": (DRIVING, 4, PAGES),
    "nothing-known": (Facts(mode="manual", state="not armed"), 2, PAGES),
    "standby": (STANDBY, 0, ALONE),
    "standby-kit": (STANDBY, 2, ALONE),
    "standby-charging": (replace(STANDBY, battery_a=0.84, battery_v=12.31), 1, ALONE),
    "standby-no-guard": (Facts(host="jetracer-7", mode="standby", state="no guard", battery_v=7.62), 1, ALONE),
    "standby-fault": (replace(STANDBY, fault="COMPUTER TOO HOT"), 0, ALONE),
    "fault": (STOPPED, 0, PAGES),
    "fault-between": (STOPPED, 5, PAGES),
    "fault-long": (replace(STOPPED, fault="COMMAND NOT A NUMBER"), 0, PAGES),
    "fault-short": (replace(STOPPED, fault="E-STOP"), 0, PAGES),
}
PICTURES = [(scene, size) for scene in SCENES for size in SIZES]


def render(scene: str, size: str) -> np.ndarray:
    """(height, width) bool: the picture as the code draws it now."""
    facts, turn, pages = SCENES[scene]
    return draw(facts, turn, SIZES[size], pages)


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
