"""`jetracer teleop`: drive by hand: the gamepad if there is one, else the keyboard. Needs no model, no camera. With
--record there is a camera, and its pictures are kept while the record button is on (R; X or square).
"""
from __future__ import annotations

import sys
from typing import List, Optional

from jetracer.cli import drive
from jetracer.teleop.finder import PadSearch

# words after which there is a camera; without them a real car drives without one
_SEEING = ("--sim", "--camera", "--config")
OWN = (("--record", "keep the pictures while the record button is on, as jetracer record does"),)


def main(arguments: List[str]) -> int:
    return drive.main(by_hand(arguments), "jetracer teleop", __doc__, OWN)


def by_hand(arguments: List[str]) -> List[str]:
    """The words of `jetracer drive` that mean the same."""
    given = {word.partition("=")[0] for word in arguments}
    words = ["--road", "none"]
    if "--record" in given:
        words += ["--film", "false", "--record.pictures", "button"]
    elif not given.intersection(_SEEING):
        words += ["--camera", "null", "--film", "false", "--record.pictures", "none"]
    if not given.intersection(("--teleop", "--config", "--help", "-h")):
        words += ["--teleop", device()]
    return words + [word for word in arguments if word != "--record"]


def device(search: Optional[PadSearch] = None) -> str:
    """What there is to drive with: "gamepad" or "keyboard"."""
    search = search or PadSearch()
    pad = search()
    if pad is not None:
        pad.device.close()
        return "gamepad"
    if search.refused:
        print("jetracer: no gamepad may be read; to use one: sudo usermod -aG input $USER, then log in again",
              file=sys.stderr)
    return "keyboard"
