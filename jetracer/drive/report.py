"""What a drive comes to: its run folder with summary.json, track.png and drive.mp4.

    report = Report(folder, track=track, truth=camera.truth)
    run(driver, camera, [report, ...], until)
    summary = report.close()

All of it is made from what `Telemetry` wrote down, so `finish(folder)` also serves one cut short.
Without the simulated world's truth (a real car, a replay) laps and the like are null and no track is drawn.
"""
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from jetracer.core.types import Step
from jetracer.drive.telemetry import Row, Telemetry, read_rows
from jetracer.safety.reasons import BIT, STOPPING
from jetracer.sim.track import Track

LATE_PERIODS = 1.5  # a turn that took longer than this many usual ones came late


class Report:
    """A sink of the drive loop that becomes a run folder when closed."""

    def __init__(self, folder: Path, track: Optional[Track] = None,
                 truth: Optional[Callable[[], Any]] = None, movie: bool = True) -> None:
        self.folder = Path(folder)
        self._track, self._movie = track, movie
        self._telemetry = Telemetry(self.folder, truth, frames_hz=30.0 if movie else 0.0)
        self._summary: Optional[Dict[str, Any]] = None

    def __call__(self, step: Step) -> None:
        """Take note of a step; returns at once, whatever the disk does."""
        self._telemetry(step)

    def close(self, late: Optional[int] = None) -> Dict[str, Any]:
        """Write everything; `late` is the rate keeper's count, else judged from the steps."""
        if self._summary is None:
            self._telemetry.close()
            extra = {"dropped_rows": self._telemetry.dropped, "telemetry_error": self._telemetry.error}
            self._summary = finish(self.folder, self._track, late, self._movie, extra)
        return self._summary


def finish(folder: Path, track: Optional[Track] = None, late: Optional[int] = None, movie: bool = True,
           extra: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """Summary, plot and movie of a run folder that telemetry was written to; returns the summary."""
    folder = Path(folder)
    rows = read_rows(folder)
    summary = {**summarise(rows, late), "run": str(folder), **(extra or {})}
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    if track is not None and any(row["x_m"] is not None for row in rows):
        from jetracer.drive.trackplot import plot_run

        plot_run(track, rows, summary, folder / "track.png")
    if movie and rows:
        from jetracer.drive.movie import make_movie

        make_movie(folder, rows, track, folder / "drive.mp4")
    return summary


def summarise(rows: Sequence[Row], late: Optional[int] = None) -> Dict[str, Any]:
    """The numbers of a run; null where nothing was there to count."""
    fresh = [row for number, row in enumerate(rows) if not number or row["seq"] != rows[number - 1]["seq"]]
    notices, stops = stops_of(rows)
    return {
        **_course(rows),
        "duration_s": round(rows[-1]["t_s"] - rows[0]["t_s"], 3) if rows else 0.0,
        "frames": len(fresh),
        "stops": stops,
        "notices": notices,
        "loop": loop_times(rows, fresh, late),
    }


def _course(rows: Sequence[Row]) -> Dict[str, Any]:
    known = [row for row in rows if row["x_m"] is not None]
    names = ("laps", "off_track", "collisions", "off_track_s", "distance_m", "deviation_rel", "speed_mps")
    if not known:
        return dict.fromkeys(names)
    last = known[-1]
    moving = [row for row in known if abs(row["speed_mps"]) > 0.1]
    return {
        "laps": int(last["lap"]),
        "off_track": int(last["off_track"]),
        "collisions": int(last["collisions"]),
        "off_track_s": round(last["off_track_s"], 3),
        "distance_m": round(last["distance_m"], 2),
        "deviation_rel": _quantile([abs(row["lateral_m"]) / row["half_width_m"] for row in moving], 0.5),
        "speed_mps": _quantile([row["speed_mps"] for row in moving], 0.5),
    }


def stops_of(rows: Sequence[Row]) -> Any:
    """(how often each mere notice came, [{reason, t_s}] of every stop as it began), times from the start.

    Not being armed yet is how every drive begins: stops count from the first arming on.
    """
    notices: Dict[str, int] = {}
    stops: List[Dict[str, Any]] = []
    begun = next((number for number, row in enumerate(rows) if row["armed"]), 0)
    before: set = set()
    for row in rows[begun:]:
        now = {reason for reason in row["stops"].split("+") if reason}
        for reason in sorted(now - before):
            if BIT.get(reason, STOPPING) & STOPPING:
                stops.append({"reason": reason, "t_s": round(row["t_s"] - rows[0]["t_s"], 3)})
            else:
                notices[reason] = notices.get(reason, 0) + 1
        before = now
    return notices, stops


def loop_times(rows: Sequence[Row], fresh: Sequence[Row], late: Optional[int] = None) -> Dict[str, Any]:
    """Latencies of the loop in ms and the evenness of its period.

    The age of a frame is taken when its command was sent; the overhead is that age without the inference.
    """
    inference = [1e3 * (row["perceive_s"] or 0.0) for row in fresh]
    age = [1e3 * (row["sent_t_s"] - row["frame_t_s"]) for row in fresh]
    periods = np.diff([row["t_s"] for row in rows])
    even = len(periods) > 0 and periods.mean() > 0
    if late is None:
        late = int((periods > LATE_PERIODS * np.median(periods)).sum()) if len(periods) else 0
    return {
        "overhead_ms": _quantiles([a - i for a, i in zip(age, inference)], p50=0.5, p99=0.99, p999=0.999),
        "inference_ms": _quantiles(inference, p50=0.5, p99=0.99),
        "frame_age_ms": _quantiles(age, p50=0.5, p99=0.99),
        "period_rsd": round(float(periods.std() / periods.mean()), 4) if even else None,
        "late": late,
    }


def _quantiles(values: Sequence[float], **shares: float) -> Dict[str, Optional[float]]:
    return {name: _quantile(values, share) for name, share in shares.items()}


def _quantile(values: Sequence[float], share: float) -> Optional[float]:
    """A quantile of what is finite, to four digits after the point; None of nothing."""
    finite = [value for value in values if math.isfinite(value)]
    return round(float(np.quantile(finite, share)), 4) if finite else None
