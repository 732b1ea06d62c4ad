"""`jetracer record`: drive by hand and record it. The record button (R; X or square) says when pictures are kept, undo
(U; Back or Share) throws the last seconds away. With --auto the road model drives, in simulation by itself, on a real
car when the mode button gives it the car, and all is recorded. --repair RUN finishes a session that was cut off.
"""
from __future__ import annotations

from typing import List

from jetracer.cli import drive
from jetracer.cli.teleop import by_hand, device
from jetracer.core.errors import ConfigError

OWN = (("--auto", "the road model drives, and all is recorded"),
       ("--repair", "with RUN alone: finish a recording that was cut off"))


def main(arguments: List[str]) -> int:
    if "--repair" in arguments:
        return _repair([word for word in arguments if word != "--repair"])
    words = _by_itself(arguments) if "--auto" in arguments else by_hand(["--record", *arguments])
    return drive.main(words, "jetracer record", __doc__, OWN)


def _by_itself(arguments: List[str]) -> List[str]:
    given = {word.partition("=")[0] for word in arguments}
    words = ["--film", "false", "--record.pictures", "all"]
    if not given.intersection(("--teleop", "--config", "--help", "-h")):
        words += ["--teleop", "auto" if "--sim" in given else device()]
    return words + [word for word in arguments if word != "--auto"]


def _repair(paths: List[str]) -> int:
    from jetracer.data.repair import repair

    if not paths:
        raise ConfigError("Which session? Give its run folder or file: jetracer record --repair RUN")
    for path in paths:
        damage = repair(path)
        print(f"{path}: {f'repaired; {damage}' if damage else 'nothing was wrong'}")
    return 0
