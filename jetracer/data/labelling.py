"""Clicking aims: what the label page does, without the page."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim
from jetracer.data.formats.base import recognised
from jetracer.data.formats.labelled import Labelled, update_labels
from jetracer.data.picture import is_picture_name
from jetracer.data.sample import Sample, share

Guess = Callable[[np.ndarray], Tuple[Optional[Aim], float]]


class Labelling:
    """The pictures of a folder and their labels. Every change is on the disk when its call returns, and can be undone.

    `guess` gives a model's aim and its confidence for a picture. Raises ConfigError when `root` is a set of another
    format, or holds no picture.
    """

    def __init__(self, root: Union[str, Path], guess: Optional[Guess] = None) -> None:
        self.root = Path(root).expanduser()
        _refuse_others(self.root)
        data = Labelled().read(self.root)
        if not data.samples:
            raise ConfigError(f"{self.root} holds no picture that can be labelled.")
        self.samples, self.skipped = data.samples, data.skipped
        self._guess = guess
        self._before: List[Tuple[int, Sample]] = []

    def label(self, at: int, x: Any, y: Any) -> None:
        """Picture `at` has its aim at x, y in [-1, 1]; a deleted one is in use again. Raises ConfigError."""
        aim = (share(x), share(y))
        if None in aim:
            raise ConfigError(f"An aim lies within the picture, -1 to 1; got {x!r}, {y!r}.")
        self._change(at, replace(self._sample(at), aim=Aim(*aim), deleted=False))

    def delete(self, at: int, deleted: bool = True) -> None:
        """Take a picture out of use, or back into it; the file stays. Raises ConfigError."""
        self._change(at, replace(self._sample(at), deleted=deleted))

    def undo(self) -> Optional[int]:
        """Take back the last change; returns the picture it was about, or None when there is none left."""
        if not self._before:
            return None
        at, sample = self._before[-1]
        update_labels([sample], self.root)
        self.samples[at] = sample
        self._before.pop()
        return at

    def guess(self, at: int) -> Optional[Dict[str, float]]:
        """What the model says about a picture; None without a model, or when it says nothing."""
        image = self._sample(at).picture.image() if self._guess else None
        aim, confidence = (None, 0.0) if image is None else self._guess(image)
        return None if aim is None else {"x": aim.x, "y": aim.y, "confidence": confidence}

    def record(self, at: int) -> Dict[str, Any]:
        """JSON-ready: what the page shows of a picture."""
        sample = self._sample(at)
        aim = None if sample.aim is None else {"x": sample.aim.x, "y": sample.aim.y}
        return {"at": at, "name": sample.name, "aim": aim, "deleted": sample.deleted, "session": sample.session}

    def state(self) -> Dict[str, Any]:
        return {"folder": str(self.root), "records": [self.record(at) for at in range(len(self.samples))],
                "undo": len(self._before), "guesses": self._guess is not None,
                "skipped": [note._asdict() for note in self.skipped]}

    def _change(self, at: int, sample: Sample) -> None:
        update_labels([sample], self.root)
        self._before.append((at, self.samples[at]))
        self.samples[at] = sample

    def _sample(self, at: Any) -> Sample:
        if not isinstance(at, int) or not 0 <= at < len(self.samples):
            raise ConfigError(f"There is no picture {at!r}; there are {len(self.samples)}.")
        return self.samples[at]


def _refuse_others(root: Path) -> None:
    """A plain folder of pictures will do; what holds labels of another kind must be imported first."""
    if not root.is_dir():
        raise ConfigError(f"There is no folder {root}; check the path.")
    try:
        kind = recognised(root)
    except ConfigError:
        folder = root / "images" if (root / "images").is_dir() else root
        if any(is_picture_name(path.name) for path in folder.iterdir()):
            return
        raise
    if kind != Labelled.name:
        raise ConfigError(f"{root} is a set of the format {kind}; import it first, and label the copy: "
                          f"jetracer data import {root} FOLDER")
