"""Small files rewritten so that a power cut leaves the old text or the new one, never half of it."""
from __future__ import annotations

import os
from pathlib import Path


def rewrite(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`; on the disk when this returns. Raises OSError, with the old file kept."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(str(part), str(path))
    folder = os.open(str(path.parent), os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too
    finally:
        os.close(folder)
