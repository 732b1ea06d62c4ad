"""A training on disk: written whole or not at all, and read back to the same bits."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict

import torch

from jetracer.core.errors import ModelError

LAST, BEST = "last.pth", "best.pth"


def save(path: Path, state: Dict[str, Any]) -> None:
    """Write beside the old one, then take its place: a cut leaves one of the two."""
    beside = path.with_suffix(".tmp")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def load(path: Path) -> Dict[str, Any]:
    """Raises ModelError for a file that is damaged or no checkpoint."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes torch raise
        raise ModelError(f"{path} is damaged ({error}); delete it to train from the beginning.") from error
    if not isinstance(state, dict) or "optimiser" not in state:
        raise ModelError(f"{path} is no checkpoint of jetracer train; delete it or choose another --out.")
    return state
