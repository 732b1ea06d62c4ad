"""A drive's own recording (`session.mcap`), as samples: each picture with the command that was really sent.

The model's aims in it are answers, not labels, so they are left out; `--fill aim` makes aims of what was driven.
While the car was not armed there is no command. What the pilot threw away is there as deleted. Tags: the mode.
"""
from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any, Callable, List, Sequence

from jetracer.camera.recordings import SESSION
from jetracer.core.errors import ConfigError
from jetracer.data.formats.base import Format
from jetracer.data.picture import Picture
from jetracer.data.sample import Dataset, Note, Sample
from jetracer.data.session import Moment, Session


class Recorded(Format):
    name = "session"
    needs = ("command",)

    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / SESSION).is_file() or (root.is_file() and root.suffix == ".mcap")

    def read(self, root: Path) -> Dataset:
        """Raises DataError when the file is no session."""
        session = Session.open(root, undone=True)
        data = Dataset(root, self.name)
        if session.damage:
            data.flag(session.path.name, f"was not finished: {session.damage}")
        zero_s = int(session.facts.get("zero_ns", 0)) / 1e9
        name = session.path.parent.name if session.path.name == SESSION else session.path.stem
        open_still = _OpenStill()
        weakref.finalize(open_still, session.close)
        for moment in session.moments():
            if moment.kept:
                data.samples.append(_sample(moment, name, zero_s, open_still))
        return data

    def write(self, samples: Sequence[Sample], root: Path) -> List[Note]:
        raise ConfigError("A session is recorded by a drive, not written from other data; choose labelled.")


class _OpenStill:
    """Held by every picture of a session: the file stays open as long as one of them may be asked for."""


def _sample(moment: Moment, session: str, zero_s: float, open_still: Any) -> Sample:
    step, truth = moment.step, moment.truth
    return Sample(
        Picture(f"{step.frame.seq:07d}.jpg", load=_loader(step.frame.jpeg, open_still)),
        command=step.decision.command if step.decision.armed else None,
        speed_mps=getattr(truth, "speed_mps", None), t_s=zero_s + step.t_s, session=session,
        tags=(step.pilot.mode,), deleted=moment.undone,
    )


def _loader(jpeg: Callable[[], bytes], open_still: Any) -> Callable[[], bytes]:
    def load(_: Any = open_still) -> bytes:
        return jpeg()

    return load
