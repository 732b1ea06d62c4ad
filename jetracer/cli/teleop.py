"""`jetracer teleop`: drive by hand: the gamepad if there is one, else the keyboard. Needs no model, no camera."""
from __future__ import annotations

import sys
from typing import List, Optional

from jetracer.cli import drive
from jetracer.teleop.finder import PadSearch

# words after which pictures are wanted; without them a real car drives without a camera
_SEEING = ("--sim", "--camera", "--config")


def main(arguments: List[str]) -> int:
    given = {word.partition("=")[0] for word in arguments}
    words = ["--road", "none"]
    if not given.intersection(_SEEING):
        words += ["--camera", "null", "--film", "false", "--record.pictures", "none"]
    if not given.intersection(("--teleop", "--config", "--help", "-h")):
        words += ["--teleop", device()]
    return drive.main([*words, *arguments], "jetracer teleop", __doc__)


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
