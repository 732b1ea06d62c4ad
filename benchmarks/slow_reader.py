"""How old pictures grow in front of a reader that is slower than its camera, through a real GStreamer pipeline."""
from __future__ import annotations

import statistics
import time
from typing import Any, Dict, List

import numpy as np

from benchmarks.measure import progress, table, verdict
from jetracer.camera.background import Background
from jetracer.camera.base import Camera, CameraConfig
from jetracer.camera.gst_child import GstChild
from jetracer.camera.gstreamer import test_source
from jetracer.core.types import Frame

CONFIG = CameraConfig(name="csi", width=640, height=480, fps=30.0)
DURATION_S, QUICK_S = 8.0, 2.0
SLOW_S = 0.2  # what the reader does with each picture
START_S = 10.0
GOAL_S = 0.3


class Queued(GstChild):
    """The same pipeline without the queue that keeps only the newest picture."""

    def _command(self, fd: int) -> List[str]:
        return ["gst-launch-1.0", "-q", *f"{self._source} ! queue ! fdsink fd={fd} sync=false".split()]


READERS = {
    "a plain queue": lambda: Queued(test_source(CONFIG), CONFIG),
    "the newest only": lambda: GstChild(test_source(CONFIG), CONFIG),
    "the drive's camera": lambda: Background(GstChild(test_source(CONFIG), CONFIG)),
}


def measure(quick: bool = False, _road: str = "road") -> Dict[str, Any]:
    """Seconds behind the camera, with the median and the last, for each way of reading. Raises CameraError."""
    found = {}
    for name, make in READERS.items():
        progress(name)
        with make() as camera:
            found[name] = behind(camera, QUICK_S if quick else DURATION_S)
    return summary(found)


def behind(camera: Camera, duration_s: float) -> List[float]:
    """How long ago the source made each picture that the reader got: the picture shows its own number."""
    first = camera.read(START_S)
    origin_s = time.monotonic() - number_of(first) / CONFIG.fps
    found = []
    while not found or time.monotonic() - origin_s < duration_s:
        frame = camera.read(START_S)
        found.append(time.monotonic() - origin_s - number_of(frame) / CONFIG.fps)
        time.sleep(SLOW_S)
    return found


def number_of(frame: Frame) -> int:
    """The left edge of the bar, which moves a pixel a picture."""
    return int(np.flatnonzero(frame.image[0].max(axis=1) > 100)[0])


def summary(found: Dict[str, List[float]]) -> Dict[str, Any]:
    rows = {name: {"median_s": statistics.median(values), "last_s": values[-1], "max_s": max(values)}
            for name, values in found.items()}
    return {"readers": rows, "goal_met": rows["the drive's camera"]["max_s"] <= GOAL_S}


def show(result: Dict[str, Any]) -> str:
    rows = [[name, row["median_s"], row["max_s"], row["last_s"]] for name, row in result["readers"].items()]
    goal = f"the drive's camera is never more than {GOAL_S:g} s behind"
    return f"{table(rows, ['s behind', 'median', 'greatest', 'at the end'])}\n{verdict(goal, result['goal_met'])}"
