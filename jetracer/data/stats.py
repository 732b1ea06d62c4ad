"""A data set at a glance: `check`'s account and its plots, as PNG files and one HTML page that needs nothing else."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from jetracer.data.check import check, steering
from jetracer.data.page import Plot, write_page
from jetracer.data.plots import bars, clicks, course, sheet
from jetracer.data.sample import Dataset, Sample

BINS, SHOWN = 15, 18
LISTS = (("skipped", "Not usable"), ("flagged", "Odd, but used"), ("outliers", "Labels that look wrong"),
         ("duplicates", "Exact copies"), ("near_duplicates", "Pictures that look alike"), ("blank", "Blank"),
         ("blurred", "Blurred"))


def stats(data: Dataset, folder: Path) -> Dict[str, Any]:
    """Write `folder`/index.html and its plots; returns `check`'s account with the page's path."""
    result = check(data)
    shown = list(_plots(data.alive, result))
    lists = [(title, [_told(entry) for entry in result[name]]) for name, title in LISTS]
    page = write_page(folder, result["path"], result["format"], _facts(result),
                      result["advice"] or ["Nothing to mend."], shown, lists)
    return {**result, "page": str(page), "plots": [f"{plot.name}.png" for plot in shown]}


def _plots(samples: Sequence[Sample], result: Dict[str, Any]) -> Iterator[Plot]:
    if result["steering"]:
        yield Plot("steering", "Steering: left is negative", bars(result["steering"]["counts"], -1.0, 1.0))
    yield from _over_time(samples)
    aims = [sample.aim for sample in samples if sample.aim is not None]
    mean = _mean_image(samples)
    if aims and mean is not None:
        yield Plot("clicks", "Aims over the mean picture", clicks(aims, mean))
    commands = [sample.command.throttle for sample in samples if sample.command is not None]
    if commands:
        yield Plot("throttle", "Throttle", bars(np.histogram(commands, BINS, (-1.0, 1.0))[0].tolist(), -1.0, 1.0))
    speeds = [sample.speed_mps for sample in samples if sample.speed_mps is not None]
    if speeds:
        top = max(1.0, float(np.ceil(max(speeds))))
        yield Plot("speed", "Speed", bars(np.histogram(speeds, BINS, (0.0, top))[0].tolist(), 0.0, top, "m/s"))
    yield from _sheets(samples, result)


def _over_time(samples: Sequence[Sample]) -> Iterator[Plot]:
    drive = sorted((sample for sample in samples if sample.t_s is not None and steering(sample) is not None),
                   key=lambda sample: sample.t_s)
    if len(drive) < 2:
        return
    gaps = np.diff([sample.t_s for sample in drive])
    if np.median(gaps) > 0.5:  # clicked one by one: there is no course
        return
    steps = np.where(gaps > 2.0, 2.0, gaps)  # pauses shrink
    times = np.concatenate([[0.0], np.cumsum(steps)])
    breaks = [float(times[at]) for at in range(1, len(drive)) if drive[at].session != drive[at - 1].session]
    yield Plot("course", "Steering over time", course(times, [steering(sample) for sample in drive], breaks))


def _sheets(samples: Sequence[Sample], result: Dict[str, Any]) -> Iterator[Plot]:
    even = [samples[at] for at in np.unique(np.linspace(0, len(samples) - 1, SHOWN).astype(int))] if samples else []
    image = sheet(even)
    if image is not None:
        yield Plot("sheet", f"{len(even)} of {len(samples)} pictures, evenly spread", image, wide=True)
    by_name = {sample.name: sample for sample in samples}
    odd = list(dict.fromkeys(entry["path"] for entry in result["outliers"]))[:SHOWN]
    image = sheet([by_name[name] for name in odd])
    if image is not None:
        yield Plot("outliers", "Labels that look wrong", image, wide=True)


def _mean_image(samples: Sequence[Sample], most: int = 200) -> Optional[np.ndarray]:
    """The mean of about `most` pictures in the size of the first; None when none can be decoded."""
    some = (sample.picture.image() for sample in samples[:: max(1, len(samples) // most)])
    images = [image for image in some if image is not None]
    if not images:
        return None
    size = images[0].shape[1::-1]
    total = np.zeros(images[0].shape, np.float64)
    for image in images:
        total += image if image.shape[1::-1] == size else cv2.resize(image, size)
    return (total / len(images)).astype(np.uint8)


def _facts(result: Dict[str, Any]) -> List[Tuple[str, Any]]:
    balance = result["steering"]
    facts = [("pictures", result["records"]), ("labelled", result["labelled"]), ("sessions", result["sessions"]),
             ("deleted", result["deleted"]), ("size", ", ".join(result["sizes"]) or "-")]
    if balance:
        facts.append(("left / straight / right", f"{balance['left']} / {balance['straight']} / {balance['right']}"))
    return facts


def _told(entry: Any) -> str:
    if isinstance(entry, dict):
        return f"{entry['path']}: {entry['why']}"
    return " = ".join(entry) if isinstance(entry, list) else entry
