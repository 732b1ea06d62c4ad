"""The same numbers for TensorBoard, where its package is installed."""
from __future__ import annotations

from pathlib import Path
from typing import List

from jetracer.train.fit import Progress, Watch, unwatched


def board(folder: Path) -> Watch:
    """Writes event files into `folder`; does nothing without the package (`pip install tensorboard`)."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return unwatched
    writer: List[SummaryWriter] = []  # made at the first step: what fails before leaves no folder behind

    def note(now: Progress) -> None:
        if not writer:
            writer.append(SummaryWriter(str(folder)))
        writer[0].add_scalar("loss", now.loss, now.step)
        for name, value in (now.scores or {}).items():
            writer[0].add_scalar(f"validation/{name}", value, now.step)
        if now.scores is not None:
            writer[0].flush()

    return note
