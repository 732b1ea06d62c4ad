"""How much a road model doubts itself, and which frames of a recorded drive are therefore worth a label.

No label is asked for: a model that is sure gives the mirrored picture the mirrored answer.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple, Union

import numpy as np

from jetracer.core.errors import ConfigError
from jetracer.core.types import MANUAL, Frame, Scene
from jetracer.data.formats.base import read, write
from jetracer.data.sample import Sample
from jetracer.engine.base import Engine
from jetracer.perception.road import RoadFollower

SURE = 0.75  # confidence above which there is no doubt
WORTH = 0.05  # doubt from which on a frame is worth a label: 6 of 224 px
APART_S = 0.8  # between two frames to be labelled: neighbours teach the same
AROUND_S = 1.0  # before and after the human took over
TAKEN_OVER, UNSURE = "taken_over", "unsure"  # tags of the frames in the queue


def doubt(road: RoadFollower, image: np.ndarray, t_s: float = 0.0) -> Tuple[Scene, float]:
    """What the model says, and its doubt: 0 none; in units of the aim's x, so 1 is half a picture."""
    scene = road.perceive(Frame(image, t_s, 0))
    mirrored = road.perceive(Frame(np.ascontiguousarray(image[:, ::-1]), t_s, 0))
    if scene.aim is None or mirrored.aim is None:
        return scene, 1.0
    apart = abs(scene.aim.x + mirrored.aim.x + 2.0 / image.shape[1])  # x counts from the middle of pixel 0
    return scene, apart + max(0.0, SURE - scene.confidence)


def most_urgent(urgency: Sequence[float], times_s: Sequence[float], count: int, least: float = 0.0) -> List[int]:
    """At most `count` of the frames, the most urgent first, none close to one before it or below `least`."""
    times, left = np.asarray(times_s, float), np.array(urgency, float)
    chosen: List[int] = []
    while len(chosen) < count and len(left) and left.max() >= least:
        at = int(left.argmax())
        chosen.append(at)
        left[np.abs(times - times[at]) < APART_S] = -np.inf
    return chosen


def queue(paths: Sequence[Union[str, Path]], engine: Engine, folder: Union[str, Path], count: int) -> Dict[str, Any]:
    """Write the at most `count` frames of recorded drives that are most worth a label to a new set without labels.

    Around every place where the human took over from the network, and where the model of the open `engine` is unsure.
    JSON-ready. Raises ConfigError when there is nothing to label, or `folder` is there already.
    """
    road, found = RoadFollower(engine), []
    for path in paths:
        samples = [sample for sample in read(path).alive if sample.t_s is not None]
        found += _worth_it(sorted(samples, key=lambda sample: sample.t_s), road)
    urgent = sorted(found, key=lambda pair: -pair[0])[:count]
    if not urgent:
        raise ConfigError(f"In {', '.join(map(str, paths))} the model was sure of every frame and nobody took over; "
                          "drive where it has not been yet.")
    chosen = sorted((sample for _, sample in urgent), key=lambda sample: sample.t_s)
    left_out = write(chosen, folder, "labelled")
    tags = [sample.tags[0] for sample in chosen]
    return {"queue": str(folder), "frames": len(chosen) - len(left_out),
            **{tag: tags.count(tag) for tag in (TAKEN_OVER, UNSURE)},
            "skipped": [note._asdict() for note in left_out]}


def _worth_it(samples: Sequence[Sample], road: RoadFollower) -> List[Tuple[float, Sample]]:
    """Frames of one drive with their urgency; those of a take-over come before all others."""
    taken_s = [now.t_s for before, now in zip(samples, samples[1:]) if MANUAL in now.tags and MANUAL not in before.tags]
    urgency = []
    for sample in samples:
        image = sample.picture.image()
        near = any(abs(sample.t_s - at_s) <= AROUND_S for at_s in taken_s)
        urgency.append(-np.inf if image is None else doubt(road, image)[1] + 10.0 * near)
    chosen = most_urgent(urgency, [sample.t_s for sample in samples], len(samples), WORTH)
    return [(urgency[at], replace(samples[at], command=None, tags=(TAKEN_OVER if urgency[at] >= 10.0 else UNSURE,)))
            for at in chosen]
