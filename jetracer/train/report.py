"""A training on one page: how good the model is, where it is wrong, and what it was made of."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from jetracer.core.types import Aim
from jetracer.data.page import Plot, write_page
from jetracer.data.plots import bars, clicks, curve, sheet
from jetracer.data.sample import Sample
from jetracer.train.config import RoadConfig
from jetracer.train.fit import JUDGED_BY
from jetracer.train.metrics import PX
from jetracer.train.road import Trained

BINS, SHOWN = 15, 18
Answer = Tuple[Sample, Aim]  # a validation picture, and where the model would drive


def write_report(folder: Path, trained: Trained, config: RoadConfig, answers: Sequence[Answer],
                 scores: Dict[str, Any]) -> Path:
    """Write the page and its plots into `folder`; returns the page's path. `scores`: see `export/road.py`."""
    title = f"{config.net}, {config.size}x{config.size}"
    lists = [("Left out", [f"{note.path}: {note.why}" for note in trained.left_out])]
    return write_page(folder, title, "jetracer train road", _facts(trained, scores), _words(trained, config, scores),
                      list(_plots(trained, answers)), lists)


def _facts(trained: Trained, scores: Dict[str, Any]) -> List[Tuple[str, Any]]:
    return [
        ("px mean error, of 224", f"{scores['val_error_px']:.1f}"),
        ("px for answering the mean", f"{scores['mean_error_px']:.1f}"),
        ("px sideways", f"{scores['val_error_x_px']:.1f}"),
        ("trained on", scores["frames"]),
        ("validated on", scores["val_frames"]),
        ("epochs", len(trained.history)),
    ]


def _words(trained: Trained, config: RoadConfig, scores: Dict[str, Any]) -> List[str]:
    told = [f"The weights start {trained.started}.",
            f"Training and validation are parted {trained.sets.parted}. Settings and the best epoch are chosen on the "
            "validation pictures, so other pictures will show somewhat larger errors.",
            f"Aims: {trained.sets.aims}."]
    if config.delay_s:
        told.append(f"Labels are those of {config.delay_s:g} s later.")
    if scores["val_error_px"] > 0.9 * scores["mean_error_px"]:
        told.append("It is hardly better than answering the mean every time: label more pictures, or look at the "
                    "labels with jetracer data check.")
    return told


def _plots(trained: Trained, answers: Sequence[Answer]) -> Iterator[Plot]:
    yield Plot("loss", "Loss in training, by epoch", curve([entry["loss"] for entry in trained.history], "epoch"))
    judged = [entry.get(JUDGED_BY, np.nan) for entry in trained.history]
    yield Plot("validation", "Mean error sideways in validation, px, by epoch", curve(judged, "epoch"))
    if not answers:
        return
    labels = np.array([(sample.aim.x, sample.aim.y) for sample, _ in answers])
    error_px = np.hypot(*((np.array([(aim.x, aim.y) for _, aim in answers]) - labels) * PX).T)
    yield Plot("by_steering", "Mean error in px, by where the label is: left is negative",
               bars(_by_bin(labels[:, 0], error_px), -1.0, 1.0, "aim x"))
    aims, first = [aim for _, aim in answers], answers[0][0].picture.image()
    yield Plot("answers", "Where the model drives, over one of the pictures", clicks(aims, first))
    worst = [answers[at] for at in np.argsort(error_px)[::-1][:SHOWN]]
    image = sheet([sample for sample, _ in worst], [aim for _, aim in worst])
    yield Plot("worst", f"The {len(worst)} worst: label green, model blue", image, wide=True)


def _by_bin(x: np.ndarray, error_px: np.ndarray) -> List[float]:
    bins = np.clip(((x + 1.0) / 2.0 * BINS).astype(int), 0, BINS - 1)
    counts = np.maximum(1, np.bincount(bins, minlength=BINS))
    return (np.bincount(bins, error_px, BINS) / counts).tolist()
