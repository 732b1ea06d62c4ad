"""How well a road model reads frames that a human labelled: one frame at a time, nothing drives.

Any data set will do (`data/formats`): where its pictures have aims, the model's aim is compared with them, in
pixels; where they have only the human's steering, the aim's x is compared with that.

The baseline answers the mean of the labels every time. It knows the labels, the model does not; but a model
that does no better has learned nothing that these frames ask for.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from jetracer.core.errors import ConfigError
from jetracer.core.types import Frame, Scene
from jetracer.data.formats.base import read
from jetracer.data.sample import Dataset, Sample
from jetracer.engine.base import Engine
from jetracer.perception.road import RoadFollower

SIZE_PX = 224  # errors are told in pixels of a picture this wide and high
X_BINS = 5
TURNING = 0.1  # a smaller human angle is neither left nor right


def evaluate_frames(engine: Engine, path: Union[str, Path]) -> Dict[str, Any]:
    """Compare an open road model with the labels in data set `path`; a JSON-ready dictionary.

    Records that cannot be used are listed in `skipped`, never fatal. Raises ConfigError when none is left.
    """
    data = read(path)
    kind, samples = _labelled(data)
    rows = list(answers(engine, samples))
    decoded = {sample.name for sample, _ in rows}
    for sample in samples:
        if sample.name not in decoded:
            data.skip(sample.name, "not a readable picture")
    if not rows:
        raise ConfigError(f"No labelled picture in {path}; click some: jetracer data label {path}")
    score = score_clicks if kind == "xy" else _score_angles
    answered = [(_label(sample), scene) for sample, scene in rows if scene.aim is not None]
    summary = {**data.summary(), "records": len(rows)}
    result = {"kind": kind, **summary, "answered": len(answered),
              "confidence": _spread([scene.confidence for _, scene in rows])}
    if answered:
        labels = np.array([label for label, _ in answered])
        aims = np.array([(scene.aim.x, scene.aim.y) for _, scene in answered])
        result.update(score(labels, aims))
    return result


def _labelled(data: Dataset) -> Tuple[str, List[Sample]]:
    """("xy", those with an aim), or ("donkey", those with a command) where there is no aim at all."""
    data.check_category()
    aims = [sample for sample in data.alive if sample.aim is not None]
    return ("xy", aims) if aims else ("donkey", [sample for sample in data.alive if sample.command is not None])


def _label(sample: Sample) -> Tuple[float, ...]:
    return (sample.aim.x, sample.aim.y) if sample.aim is not None else (sample.command.steering,)


def answers(engine: Engine, samples: Sequence[Sample]) -> Iterator[Tuple[Sample, Scene]]:
    """What an open road model makes of every picture that can be decoded."""
    follower = RoadFollower(engine)
    for seq, sample in enumerate(samples):
        image = sample.picture.image()
        if image is not None:
            yield sample, follower.perceive(Frame(image, 0.0, seq))


def score_clicks(labels: np.ndarray, aims: np.ndarray) -> Dict[str, Any]:
    """Errors of aims (N,2) against labels (N,2), JSON-ready."""
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
