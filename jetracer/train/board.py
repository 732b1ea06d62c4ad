"""The same numbers for TensorBoard, where its package is installed."""
from __future__ import annotations

from pathlib import Path

from jetracer.train.fit import Progress, Watch, unwatched


def board(folder: Path) -> Watch:
    """Writes event files into `folder`; does nothing without the package (`pip install tensorboard`)."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return unwatched
    writer = SummaryWriter(str(folder))

    def note(now: Progress) -> None:
        writer.add_scalar("loss", now.loss, now.step)
        for name, value in (now.scores or {}).items():
            writer.add_scalar(f"validation/{name}", value, now.step)
        if now.scores is not None:
            writer.flush()

    return note
