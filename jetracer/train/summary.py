"""Where a road net is good and where it is not: errors by marking, floor, curvature and place on the lane."""
from __future__ import annotations

from typing import Dict, Iterator, List, Tuple

import numpy as np

from jetracer.models.road_net import PICTURE_PX
from jetracer.sim.track import generate
from jetracer.train.road_data import ABOUT, RoadData


def column(data: RoadData, name: str) -> np.ndarray:
    """One column of what is known about every picture."""
    return data.about[:, ABOUT.index(name)]


def surfaces(data: RoadData) -> Tuple[np.ndarray, np.ndarray]:
    """Floor and marking of every picture's track."""
    seeds = column(data, "seed").astype(int)
    known: Dict[int, Tuple[str, str]] = {}
    for seed in np.unique(seeds):
        track = generate(int(seed))
        known[int(seed)] = track.floor, track.marking
    pairs = np.array([known[seed] for seed in seeds])
    return pairs[:, 0], pairs[:, 1]


def groups(data: RoadData) -> Iterator[Tuple[str, np.ndarray]]:
    """Names and masks of the classes that errors are told for."""
    for names in surfaces(data):
        for name in np.unique(names):
            yield str(name), names == name
    bend = np.abs(column(data, "curvature"))
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 2.0)):
        yield f"curvature {low:g} to {high:g}", (bend >= low) & (bend < high)
    lateral = np.abs(column(data, "lateral_half_widths"))
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.05)):
        yield f"offset {low:g} to {high:g}", (lateral >= low) & (lateral < high)
    exact = column(data, "exact_camera") > 0.5
    yield "own camera", exact
    yield "other cameras", ~exact


def by_surface(seen: np.ndarray, data: RoadData) -> str:
    """A table of aim errors [px at 224] and of confidence. seen (N,3) as `predict` gives it."""
    labels = data.labels
    sure = (labels[:, 2] > 0) & (labels[:, 3] > 0.5) & (labels[:, 4] > 0)
    error = np.abs(seen[:, 0] - labels[:, 0]) * PICTURE_PX / 2.0
    lines: List[str] = [f"{'':<24}{'frames':>8}{'median':>8}{'p90':>8}{'p99':>8}{'sure':>8}\n"]
    for name, members in groups(data):
        rows = np.flatnonzero(members & sure)
        if rows.size:
            median, p90, p99 = np.quantile(error[rows], (0.5, 0.9, 0.99))
            confident = (seen[rows, 2] > 0.5).mean()
            lines.append(f"{name:<24}{rows.size:>8}{median:>8.2f}{p90:>8.2f}{p99:>8.2f}{confident:>8.3f}\n")
    return "".join(lines)
