"""What a drive comes to: its run folder with summary.json, track.png and drive.mp4, made from the recorded session.

`finish(folder)` also serves a drive that was cut short. Without the simulated world's truth (a real car, a replay)
laps and the like are null and no track is drawn.
"""
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from jetracer.core.config import write_text
from jetracer.core.errors import ConfigError
from jetracer.data.session import Moment, Session
from jetracer.safety.reasons import BIT, STOPPING
from jetracer.sim.track import Track

_ENGINE = {"name": "engine", "precision": "precision", "file": "file", "file_sha256": "file_sha256",  # of the facts
           "model": "road", "model_sha256": "model_sha256"}
LATE_PERIODS = 1.5  # a turn that took longer than this many usual ones came late


class Row(NamedTuple):
    """What the figures need of a turn of the loop; `truth` is the simulated world's or None."""

    seq: int
    t_s: float
    frame_t_s: float
    sent_t_s: float
    perceive_s: float
    armed: bool
    stops: Tuple[str, ...]
    truth: Any


def rows_of(moments: Iterable[Moment]) -> List[Row]:
    return [Row(step.frame.seq, step.t_s, step.frame.t_s, step.decision.t_s, step.sections_s.get("perceive", 0.0),
                step.decision.armed, tuple(stop.reason for stop in step.decision.stops), truth)
            for step, truth, _, _ in moments]


def finish(folder: Path, track: Optional[Track] = None, movie: bool = True,
           extra: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """Summary, plot and movie of a run folder with a session in it; returns the summary."""
    folder = Path(folder)
    with Session.open(folder) as session:
        rows = rows_of(session.moments())
        summary = {**summarise(rows), "engine": engine_of(session.facts), "run": str(folder), **(extra or {})}
        problems: List[Optional[str]] = []
        try:
            write_text(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
        except ConfigError as error:  # the figures are told all the same
            problems.append(str(error))
        if track is not None and any(row.truth is not None for row in rows):
            from jetracer.drive.trackplot import plot_run

            problems.append(plot_run(track, rows, summary, folder / "track.png"))
        if movie and len(session):
            from jetracer.drive.movie import make_movie

            problems.append(make_movie(session, track, folder / "drive.mp4"))
    errors = [problem.rstrip(".") for problem in problems if problem]
    return {**summary, "report_errors": errors} if errors else summary


def summarise(rows: Sequence[Row]) -> Dict[str, Any]:
    """The numbers of a run; null where nothing was there to count."""
    fresh = [row for number, row in enumerate(rows) if not number or row.seq != rows[number - 1].seq]
    notices, stops = stops_of(rows)
    return {
        **_course(rows),
        "duration_s": round(rows[-1].t_s - rows[0].t_s, 3) if rows else 0.0,
        "frames": len(fresh),
        "stops": stops,
        "notices": notices,
        "loop": loop_times(rows, fresh),
    }


def engine_of(facts: Mapping[str, str]) -> Optional[Dict[str, str]]:
    """Who answered what the car asked, of a session's facts; None where no network drove, or nobody noted which."""
    known = {name: facts[key] for name, key in _ENGINE.items() if facts.get(key)}
    return known if "name" in known else None


def _course(rows: Sequence[Row]) -> Dict[str, Any]:
    known = [row.truth for row in rows if row.truth is not None]
    names = ("laps", "off_track", "collisions", "off_track_s", "distance_m", "deviation_rel", "speed_mps")
    if not known:
        return dict.fromkeys(names)
    last = known[-1]
    moving = [truth for truth in known if abs(truth.speed_mps) > 0.1]
    return {
        "laps": last.lap,
        "off_track": last.off_track,
        "collisions": last.collisions,
        "off_track_s": round(last.off_track_s, 3),
        "distance_m": round(last.distance_m, 2),
        "deviation_rel": _quantile([abs(truth.lateral_m) / truth.half_width_m for truth in moving], 0.5),
        "speed_mps": _quantile([truth.speed_mps for truth in moving], 0.5),
    }


def stops_of(rows: Sequence[Row]) -> Any:
    """(how often each mere notice came, [{reason, t_s}] of every stop as it began), times from the start.

    Not being armed yet is how every drive begins: stops count from the first arming on.
    """
    notices: Dict[str, int] = {}
    stops: List[Dict[str, Any]] = []
    begun = next((number for number, row in enumerate(rows) if row.armed), 0)
    before: set = set()
    for row in rows[begun:]:
        now = set(row.stops)
        for reason in sorted(now - before):
            if BIT.get(reason, STOPPING) & STOPPING:
                stops.append({"reason": reason, "t_s": round(row.t_s - rows[0].t_s, 3)})
            else:
                notices[reason] = notices.get(reason, 0) + 1
        before = now
    return notices, stops


def loop_times(rows: Sequence[Row], fresh: Sequence[Row]) -> Dict[str, Any]:
    """Latencies of the loop in ms and the evenness of its period.

    The age of a frame is taken when its command was sent; the overhead is that age without the inference.
    """
    inference = [1e3 * row.perceive_s for row in fresh]
    age = [1e3 * (row.sent_t_s - row.frame_t_s) for row in fresh]
    periods = np.diff([row.t_s for row in rows])
    even = len(periods) > 0 and periods.mean() > 0
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
