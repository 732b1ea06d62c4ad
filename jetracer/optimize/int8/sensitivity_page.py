"""The sensitivity of layers as a page with bars: how far each alone moves the aim, and which stay in float."""
from __future__ import annotations

from pathlib import Path
from typing import Collection, Sequence

import cv2
import numpy as np

from jetracer.data.page import Plot, write_page
from jetracer.data.paper import INK, PAPER, text
from jetracer.optimize.int8.sensitivity import Sensitivity

_ROW, _LEFT, _RIGHT, _WIDTH = 34, 760, 300, 1900
_INT8, _FLOAT = (180, 92, 30), (40, 60, 200)  # BGR: blue, red


def write_sensitivity(folder: Path, name: str, found: Sequence[Sensitivity], kept: Collection[str]) -> Path:
    """Write `folder`/index.html with its picture beside it; the page's path. Raises ConfigError."""
    worst = max(found, key=lambda one: one.moved)
    return write_page(
        folder, f"INT8, layer by layer: {name}", "each layer alone in INT8, all others in FP32",
        [("layers", len(found)), ("stay in float", len(kept)), ("the worst, % of the width", f"{worst.moved:.3f}")],
        [f"{one.layer} stays in float" for one in found if one.layer in kept],
        [Plot("sensitivity", "how far the aim moves in the mean, % of the width, and multiplications; red: in float",
              bars(found, kept), wide=True)],
        [("Layers", [f"{one.layer} ({one.kind}): {one.moved:.4f} %, {one.macs / 1e6:.2f} million multiplications"
                     for one in found])])


def bars(found: Sequence[Sensitivity], kept: Collection[str]) -> np.ndarray:
    """A row for each layer, in the order in which they run."""
    page = np.full((_ROW * len(found) + 20, _WIDTH, 3), PAPER, np.uint8)
    most = max(1e-9, *(one.moved for one in found))
    for row, one in enumerate(found):
        y = 10 + _ROW * row
        end = _LEFT + round((_WIDTH - _RIGHT - _LEFT) * one.moved / most)
        cv2.rectangle(page, (_LEFT, y + 5), (max(end, _LEFT + 1), y + _ROW - 5),
                      _FLOAT if one.layer in kept else _INT8, cv2.FILLED)
        text(page, one.layer[-46:], (16, y + 23), 0.7)
        text(page, f"{one.moved:.4f}   {one.macs / 1e6:.1f} M", (end + 12, y + 23), 0.7, INK)
    return page
