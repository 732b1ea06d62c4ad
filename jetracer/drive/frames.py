"""How well a road model reads frames that a human labelled: one frame at a time, nothing drives.

Two kinds of folder are understood:

* NVIDIA's interactive regression: `<x>_<y>_<uuid>.jpg`, the clicked aim in pixels of that picture (on the
  border or a little beyond, too);
* Donkey: `labels.csv` with columns file and angle (-1 left .. 1 right), pictures beside it or in `images/`.

The baseline answers the mean of the labels every time. It knows the labels, the model does not; but a model
that does no better has learned nothing that these frames ask for.
"""
from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

import cv2
import numpy as np

from jetracer.core.errors import ConfigError
from jetracer.core.types import Frame, Scene
from jetracer.engine.base import Engine
from jetracer.perception.road import RoadFollower

SIZE_PX = 224  # errors are told in pixels of a picture this wide and high
X_BINS = 5
TURNING = 0.1  # a smaller human angle is neither left nor right
PICTURES = {".jpg", ".jpeg", ".png"}
_CLICK = re.compile(r"(-?\d+)_(-?\d+)_.+")


class Labelled(NamedTuple):
    """A picture and what the human said: the click in pixels, or the steering angle."""

    path: Path
    label: Tuple[float, ...]


class _Folder(NamedTuple):
    kind: str
    records: List[Labelled]
    skipped: List[Dict[str, str]]


def evaluate_frames(engine: Engine, path: Union[str, Path]) -> Dict[str, Any]:
    """Compare an open road model with the labels in folder `path`; a JSON-ready dictionary.

    Files that cannot be used are listed in `skipped`, never fatal. Raises ConfigError when no frame is left.
    """
    root = Path(path)
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder; give the folder that holds the labelled pictures.")
    folder = _donkey(root) if (root / "labels.csv").is_file() else _clicks(root)
    rows = list(_answers(RoadFollower(engine), folder))
    if not rows:
        raise ConfigError(_nothing_there(root))
    score = _score_angles if folder.kind == "donkey" else _score_clicks
    answered = [(label, scene) for label, scene in rows if scene.aim is not None]
    result = {"kind": folder.kind, "path": str(root), "records": len(rows), "answered": len(answered),
              "skipped": folder.skipped, "confidence": _spread([scene.confidence for _, scene in rows])}
    if answered:
        labels = np.array([label for label, _ in answered])
        aims = np.array([(scene.aim.x, scene.aim.y) for _, scene in answered])
        result.update(score(labels, aims))
    return result


def _answers(follower: RoadFollower, folder: _Folder) -> Iterator[Tuple[Tuple[float, ...], Scene]]:
    for seq, (path, label) in enumerate(folder.records):
        image = _read(path)
        if image is None:
            folder.skipped.append({"path": path.name, "why": "not a readable picture"})
            continue
        wanted = _aim_of_click(label, image.shape) if folder.kind == "xy" else label
        yield wanted, follower.perceive(Frame(image, 0.0, seq))


def _read(path: Path) -> Optional[np.ndarray]:
    # imdecode instead of imread: it stays silent about damaged files, which are reported by name here
    data = np.frombuffer(path.read_bytes(), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None


def _aim_of_click(click: Tuple[float, ...], shape: Tuple[int, ...]) -> Tuple[float, ...]:
    return 2.0 * (click[0] / shape[1] - 0.5), 2.0 * (click[1] / shape[0] - 0.5)


def _clicks(root: Path) -> _Folder:
    records, skipped = [], []
    for path in sorted(p for p in root.iterdir() if p.is_file()):
        match = _CLICK.fullmatch(path.stem)
        if path.suffix.lower() not in PICTURES:
            skipped.append({"path": path.name, "why": "not a picture"})
        elif match is None:
            skipped.append({"path": path.name, "why": "the name is not <x>_<y>_<id>"})
        else:
            records.append(Labelled(path, (float(match[1]), float(match[2]))))
    return _Folder("xy", records, skipped)


def _donkey(root: Path) -> _Folder:
    records, skipped = [], []
    with (root / "labels.csv").open(newline="", encoding="utf-8", errors="replace") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            name = row.get("file") or f"labels.csv line {number}"
            angle = _number(row.get("angle"))
            path = next((p for p in (root / "images" / name, root / name) if p.is_file()), None)
            if angle is None or not -1.0 <= angle <= 1.0:
                skipped.append({"path": name, "why": f"angle {row.get('angle')!r} is not in [-1, 1]"})
            elif path is None:
                skipped.append({"path": name, "why": "in labels.csv, but there is no such file"})
            else:
                records.append(Labelled(path, (angle,)))
    return _Folder("donkey", records, skipped)


def _number(text: Optional[str]) -> Optional[float]:
    try:
        return float(text or "")
    except ValueError:
        return None


def _nothing_there(root: Path) -> str:
    inside = sorted(p.name for p in root.iterdir() if p.is_dir() and any(p.glob("*.jpg")))
    hint = f" There are pictures in {', '.join(inside)}: give one of these." if inside else ""
    return (f"No labelled picture in {root}; <x>_<y>_<id>.jpg (NVIDIA) or labels.csv with file and angle "
            f"(Donkey) is needed.{hint}")


def _score_clicks(labels: np.ndarray, aims: np.ndarray) -> Dict[str, Any]:
    to_px = SIZE_PX / 2.0
    miss_px = (aims - labels) * to_px
    error_px = np.hypot(*miss_px.T)
    baseline_px = np.hypot(*((labels - labels.mean(axis=0)) * to_px).T)
    return {
        "error_px": _spread(error_px),
        "error_rel": _spread(error_px / SIZE_PX),
        "error_x_px": _spread(np.abs(miss_px[:, 0])),
        "error_y_px": _spread(np.abs(miss_px[:, 1])),
        "bias_px": {"x": _mean(miss_px[:, 0]), "y": _mean(miss_px[:, 1])},
        "correlation_x": _correlation(labels[:, 0], aims[:, 0]),
        "by_x": _by_x(labels[:, 0], miss_px, error_px),
        "baseline": {"error_px": _spread(baseline_px), "error_rel": _spread(baseline_px / SIZE_PX)},
    }


def _by_x(label_x: np.ndarray, miss_px: np.ndarray, error_px: np.ndarray) -> List[Dict[str, Any]]:
    """The error by fifths of the picture's width, left to right; the ends take what lies beyond."""
    number = np.clip(((label_x + 1.0) / 2.0 * X_BINS).astype(int), 0, X_BINS - 1)
    edges = np.linspace(0, SIZE_PX, X_BINS + 1)
    return [
        {"from_px": round(float(edges[n]), 1), "to_px": round(float(edges[n + 1]), 1),
         "records": int((number == n).sum()), "mean_px": _mean(error_px[number == n]),
         "bias_x_px": _mean(miss_px[number == n, 0])}
        for n in range(X_BINS)
    ]


def _score_angles(labels: np.ndarray, aims: np.ndarray) -> Dict[str, Any]:
    """NVIDIA's steering (the aim's x, gain 1) against the human's angle."""
    angle, steering = labels[:, 0], aims[:, 0]
    turning = np.abs(angle) >= TURNING
    right = float((angle[turning] > 0).mean()) if turning.any() else 0.0
    agreement = float((np.sign(angle) == np.sign(steering))[turning].mean()) if turning.any() else None
    return {
        "correlation": _correlation(angle, steering),
        "sign_agreement": agreement,
        "turning": int(turning.sum()),
        "error_angle": _spread(np.abs(steering - angle)),
        "baseline": {"sign_agreement": max(right, 1.0 - right) if turning.any() else None,
                     "error_angle": _spread(np.abs(angle - angle.mean()))},
    }


def _spread(values: Any) -> Dict[str, float]:
    values = np.asarray(values, float)
    return {name: round(float(of(values)), 4) for name, of in
            (("mean", np.mean), ("median", np.median), ("max", np.max))}


def _mean(values: np.ndarray) -> Optional[float]:
    return round(float(values.mean()), 4) if len(values) else None


def _correlation(one: np.ndarray, other: np.ndarray) -> Optional[float]:
    """Pearson's r; None where one of them never changes."""
    if len(one) < 2 or one.std() < 1e-9 or other.std() < 1e-9:
        return None
    return round(float(np.corrcoef(one, other)[0, 1]), 4)
